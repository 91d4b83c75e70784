package examples_test

// tenants_test.go is the code of docs/tenants.md: one cache of many tenants.

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memotest"
)

// plans is a table of what each tenant has booked.
type plans map[string]string

type tenantKey struct{}

// tenant is whom the request has been authenticated for.
func tenant(ctx context.Context) string {
	id, _ := ctx.Value(tenantKey{}).(string)
	return id
}

func forTenants(cache *memo.Cache, app http.Handler) http.Handler {
	varied := func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Tenant") // as the proxy has authenticated it
		ctx := context.WithValue(r.Context(), tenantKey{}, id)
		app.ServeHTTP(w, r.WithContext(memo.Vary(ctx, "tenant", id)))
	}
	return nethttp.Middleware(cache)(http.HandlerFunc(varied))
}

func (p plans) Plan(ctx context.Context) (string, error) {
	id := tenant(ctx) // the loader's ctx does not have it: it belongs to all who wait
	return memo.Do(ctx, memo.Key("plan"), func(ctx context.Context) (string, error) {
		return p[id], nil
	})
}

func (p plans) Book(ctx context.Context, plan string) error {
	p[tenant(ctx)] = plan
	return told(memo.Invalidate(ctx, memo.Key("plan"))) // this tenant's
}

func forget(ctx context.Context, cache *memo.Cache, id string) error {
	return told(cache.InvalidateAll(memo.Vary(ctx, "tenant", id))) // a job: no request, no cache in ctx
}

func TestTenants(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cache := memotest.New(t)
		p := plans{"acme": "free", "umbrella": "pro"}
		app := forTenants(cache.Cache, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if plan := r.FormValue("book"); plan != "" {
				if err := p.Book(r.Context(), plan); err != nil {
					t.Error(err)
				}
			}
			plan, err := p.Plan(r.Context())
			respond(w, plan, err)
		}))
		ask := func(id, query, want string) {
			t.Helper()
			r := httptest.NewRequest("GET", "/"+query, nil)
			r.Header.Set("X-Tenant", id)
			w := httptest.NewRecorder()
			app.ServeHTTP(w, r)
			if got := w.Body.String(); got != want {
				t.Errorf("%s reads %q, want %q", id, got, want)
			}
		}
		for range 2 {
			ask("acme", "", "free")
			ask("umbrella", "", "pro")
		}
		cache.WantLoads(memo.Key("plan"), 2) // of whichever tenant
		ask("acme", "?book=team", "team")
		ask("umbrella", "", "pro")
		cache.WantLoads(memo.Key("plan"), 3)
		p["acme"], p["umbrella"] = "none", "none"
		if err := forget(context.Background(), cache.Cache, "acme"); err != nil {
			t.Error(err)
		}
		ask("acme", "", "none")
		ask("umbrella", "", "pro")
	})
}
