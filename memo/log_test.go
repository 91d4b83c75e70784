package memo_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What a cache writes to its log: not too much, the truth in the end, and never
// at the cost of those who read.

// A said is one line of a log.
type said struct {
	at      time.Time
	text    string
	leftOut int64
	size    int
}

// A listener is a slog.Handler that remembers, after it has called first, if any.
type listener struct {
	slog.Handler
	first func(text string)

	mu    sync.Mutex
	lines []said
}

func (l *listener) logger() *slog.Logger {
	l.Handler = quiet.Handler()
	return slog.New(l)
}

func (l *listener) Enabled(context.Context, slog.Level) bool { return true }

func (l *listener) Handle(_ context.Context, r slog.Record) error {
	if l.first != nil {
		l.first(r.Message)
	}
	line := said{at: time.Now(), text: r.Message, size: len(r.Message)}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "left_out" {
			line.leftOut = a.Value.Int64()
		}
		line.size += len(a.String())
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return nil
}

// about returns the lines that have one of the words.
func (l *listener) about(words ...string) (lines []said) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		for _, word := range words {
			if strings.Contains(line.text, word) {
				lines = append(lines, line)
				break
			}
		}
	}
	return lines
}

const down, again = "does not answer", "answers again"

// flap takes the shared tier away and gives it back, changes times in all.
func flap(store *tiertest.Faulty, changes int) {
	remove := func() {}
	for i := range changes {
		if i%2 == 0 {
			remove = store.Inject(tiertest.Fault{Err: errDown})
		} else {
			remove()
		}
		time.Sleep(150 * time.Millisecond)
	}
}

func TestLogOfASharedTierThatFlaps(t *testing.T) {
	t.Parallel()
	for changes, truth := range map[int]string{200: again, 201: down} {
		t.Run(truth, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const most = 6
				f, log := newFleet(), &listener{}
				_, store := f.process(t, func(cfg *memo.Config) { cfg.Logger = log.logger() })
				flap(store, changes)
				time.Sleep(61 * time.Second)
				lines := log.about(down, again)
				told := len(lines)
				for i, line := range lines {
					told += int(line.leftOut)
					if i >= most && line.at.Sub(lines[i-most].at) < time.Minute {
						t.Errorf("%d lines within %v, want %d a minute", most+1, line.at.Sub(lines[i-most].at), most)
					}
				}
				if told != changes {
					t.Errorf("%d lines account for %d changes, want %d", len(lines), told, changes)
				}
				if len(lines) < most || !strings.Contains(lines[0].text, down) || !strings.Contains(lines[len(lines)-1].text, truth) {
					t.Errorf("of %d lines the last one is %+v, want one that the shared tier %s", len(lines), lines[len(lines)-1], truth)
				}
				time.Sleep(3 * time.Minute)
				if n := len(log.about(down, again)); n != len(lines) {
					t.Errorf("%d lines more, and nothing has changed", n-len(lines))
				}
			})
		})
	}
}

func TestLogOfACacheThatIsClosedEndsWithTheTruth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, log := newFleet(), &listener{}
		c, store := f.process(t, func(cfg *memo.Config) { cfg.Logger = log.logger() })
		flap(store, 100)
		must(t, c.Close(context.Background()))
		lines := log.about(down, again)
		if last := lines[len(lines)-1]; len(lines) != 7 || !strings.Contains(last.text, again) || last.leftOut != 93 {
			t.Errorf("%d lines, the last one %+v, want 7, and 93 left out before the end: %q", len(lines), last, again)
		}
	})
}

// holding is a codec that takes its time, and then refuses.
type holding struct {
	codec.JSON
	hold chan struct{}
}

func (h holding) Append([]byte, any) ([]byte, error) { <-h.hold; return nil, errors.New("refused") }

func TestWhatOutlivesCloseLogsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, slow := &listener{}, holding{hold: make(chan struct{})}
		c, err := memo.New(memo.Config{Prefix: "t", Shared: tiertest.NewMemory(), Codec: slow, Logger: log.logger()})
		must(t, err)
		go func() { _, _ = memo.Do(c.With(context.Background()), "k", loadNumber) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := c.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v, want that it could not wait for the load", err)
		}
		close(slow.hold)
		synctest.Wait()
		if lines := log.about("memo: "); len(lines) > 0 {
			t.Errorf("after Close the log has %+v", lines)
		}
	})
}

func TestLogOfManyValuesThatAreRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, log := newFleet(), &listener{}
		c, _ := f.process(t, func(cfg *memo.Config) { cfg.Logger = log.logger() })
		for i := range 230 { // one each second
			_, err := memo.Do(c.With(context.Background()), memo.Key("k", i), func(context.Context) (float64, error) { return math.NaN(), nil })
			must(t, err)
			time.Sleep(time.Second)
		}
		lines := log.about("codec refused")
		told := len(lines)
		for _, line := range lines[1:] {
			told += int(line.leftOut)
		}
		if len(lines) != 4 || told < 170 || told > 230 {
			t.Errorf("%d lines account for %d of 230 values in as many seconds, want 4, and all but those of the last minute", len(lines), told)
		}
	})
}

// A Handler may hang: on a full disk, or on the network that the shared tier is on.
func TestHandlerThatHangsHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		f, log := newFleet(), &listener{first: func(string) { <-hold }}
		c, store := f.process(t, func(cfg *memo.Config) { cfg.Logger = log.logger() })
		ctx := c.With(context.Background())
		f.db.do(t, ctx, "k")
		flap(store, 100)
		time.Sleep(5 * time.Second)
		if s := c.Snapshot().Nodes[0]; !s.Up || s.Lag > time.Second {
			t.Errorf("nobody polls: up %t, last heard %v ago", s.Up, s.Lag)
		}
		begin, loads := time.Now(), f.db.queries("k")
		f.db.do(t, ctx, "k")
		_, err := memo.Do(ctx, "outer", func(ctx context.Context) (float64, error) { f.db.do(t, ctx, "inner"); return math.NaN(), nil })
		must(t, err)
		must(t, c.Invalidate(ctx, "k"))
		if took := time.Since(begin); took > 0 || f.db.queries("k")-loads > 1 {
			t.Errorf("three calls took %v, and ran %d loads of what is stored", took, f.db.queries("k")-loads)
		}
		closing, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := c.Close(closing); err != nil || time.Since(begin) != time.Second {
			t.Errorf("Close: %v after %v, want nil, and that it waits for the log as long as it may", err, time.Since(begin))
		}
		close(hold)
		synctest.Wait()
		if n := len(log.about("memo: ")); n != 1 {
			t.Errorf("%d lines were written, want the one that hung at the end of Close", n)
		}
	})
}

// A Handler may use the cache: to bound its own lines, say.
func TestHandlerThatUsesTheCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ctx context.Context
		f := newFleet()
		ready := make(chan struct{})
		log := &listener{first: func(text string) {
			<-ready
			_, err := memo.Do(ctx, memo.Key("handler", text), func(ctx context.Context) (float64, error) {
				f.db.do(t, ctx, "inner")
				return math.NaN(), nil // which is a line as well
			})
			if err != nil && !errors.Is(err, memo.ErrClosed) {
				t.Error(err)
			}
			_ = memo.Invalidate(ctx, "inner")
			memo.From(ctx).Snapshot()
		}}
		c, store := f.process(t, func(cfg *memo.Config) { cfg.Logger = log.logger() })
		ctx = c.With(context.Background())
		close(ready)
		flap(store, 20)
		time.Sleep(time.Second)
		begin := time.Now()
		f.db.do(t, ctx, "k")
		must(t, c.Close(context.Background()))
		if took := time.Since(begin); took > time.Second {
			t.Errorf("a read and Close took %v", took)
		}
		if lines := log.about(down, again); len(lines) != 7 {
			t.Errorf("%d lines, want 6 and the last: %+v", len(lines), lines)
		}
	})
}

// The lines of a Handler that hangs wait in memory, and there are few of them.
func TestHandlerThatHangsFillsNoMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		f, log := newFleet(), &listener{first: func(string) { <-hold }}
		_, store := f.process(t, func(cfg *memo.Config) { cfg.Logger = log.logger() })
		flap(store, 1200) // for three minutes
		close(hold)
		synctest.Wait()
		if lines := log.about(down, again); len(lines) > 8 {
			t.Errorf("%d lines had waited, want the one that hung, 6, and one that the poller may add", len(lines))
		}
		time.Sleep(3 * time.Minute)
		lines, told := log.about(down, again), 0
		for _, line := range lines {
			told += 1 + int(line.leftOut)
		}
		if last := lines[len(lines)-1]; told != 1200 || !strings.Contains(last.text, again) {
			t.Errorf("%d of 1200 changes are accounted for, and the last line is %+v", told, last)
		}
	})
}

func TestHandlerThatPanicsLosesItsLineOnly(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){"panic": func() { panic("no disk") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				broken := true
				f := newFleet()
				log := &listener{first: func(string) {
					if broken {
						broken = false
						time.Sleep(10 * time.Second) // others wait meanwhile
						fail()
					}
				}}
				_, store := f.process(t, func(cfg *memo.Config) { cfg.Logger = log.logger() })
				flap(store, 4)
				time.Sleep(time.Minute)
				if lines := log.about(down, again); len(lines) != 3 {
					t.Errorf("%d lines, want all 4 but the first: %+v", len(lines), lines)
				}
			})
		})
	}
}

func TestLinesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type long struct {
			ANameThatIsLongerThanAnybodyWouldEverWriteByHandButThatAProgramWhichWritesProgramsMayComeUpWith map[[2000]int]string
			unexported                                                                                      int
		}
		f, log := newFleet(), &listener{}
		c, store := f.process(t, func(cfg *memo.Config) { cfg.Logger = log.logger() })
		_, err := memo.Do(c.With(context.Background()), "k", func(context.Context) (struct{ A, B, C, D, E, F, G, H long }, error) {
			return struct{ A, B, C, D, E, F, G, H long }{}, nil
		})
		must(t, err)
		_ = long{}.unexported
		defer store.Inject(tiertest.Fault{Err: fmt.Errorf("refused: %s", strings.Repeat("\xe2\x82\xac", 1<<20))})()
		time.Sleep(time.Second)
		lines := log.about("memo: ")
		if len(lines) != 2 {
			t.Errorf("%d lines, want one of a type and one of the shared tier", len(lines))
		}
		for _, line := range lines {
			if line.size > 700 {
				t.Errorf("a line of %d bytes: %s", line.size, line.text)
			}
		}
	})
}
