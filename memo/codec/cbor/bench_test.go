package cbor_test

import (
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memo/codec/cbor"
)

// film is an element of a page as a catalogue shows it.
type film struct {
	ID       int64     `json:"id"`
	Title    string    `json:"title"`
	Genres   []string  `json:"genres"`
	Rating   float64   `json:"rating"`
	Released time.Time `json:"released"`
	Minutes  int       `json:"minutes"`
	Poster   string    `json:"poster"`
}

func page() []film {
	films := make([]film, 20)
	for i := range films {
		films[i] = film{
			ID: 1_000_000 + int64(i), Title: "The Third Man", Genres: []string{"noir", "thriller"}, Rating: 8.1,
			Released: time.Date(1949, 9, 1, 0, 0, 0, 0, time.UTC), Minutes: 104, Poster: "https://example.org/posters/the-third-man.jpg",
		}
	}
	return films
}

// The measure of CBOR is codec.JSON, the default.
func BenchmarkPage(b *testing.B) {
	for _, c := range []codec.Codec{codec.JSON{}, cbor.New()} {
		data, err := c.Append(nil, page())
		if err != nil {
			b.Fatal(err)
		}
		b.Run("append/"+c.Name(), func(b *testing.B) {
			b.ReportAllocs()
			v := page()
			for b.Loop() {
				if _, err := c.Append(nil, v); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(data)), "bytes/page")
		})
		b.Run("unmarshal/"+c.Name(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var got []film
				if err := c.Unmarshal(data, &got); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
