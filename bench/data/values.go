// Package data is what the caches are fed with: values, keys in the order of a trace,
// and nothing of it downloaded.
package data

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"
)

// Small is a struct as most are.
type Small struct {
	ID   int
	Name string
}

// Row is a row of a table with 20 columns.
type Row struct {
	ID, Account, Parent                    int64
	Name, Email, City, Country, Phone, Bio string
	Created, Updated                       time.Time
	Active, Admin, Verified                bool
	Age, Visits, Rank                      int
	Score, Balance, Quota                  float64
}

// NewInt, NewSmall and NewRow make the value of number i.
func NewInt(i int) int     { return i + 1 }
func NewSmall(i int) Small { return Small{ID: i, Name: "Ada Lovelace"} }

// NewRow fills every field.
func NewRow(i int) Row {
	day := time.Date(2026, 11, 1+i%28, 12, 0, 0, 0, time.UTC)
	return Row{
		ID: int64(i), Account: int64(i) * 7, Parent: int64(i) / 2,
		Name: "Ada Lovelace", Email: "ada@example.org", City: "London", Country: "GB", Phone: "+44 20 7946 0000", Bio: "wrote the first program, and its notes",
		Created: day, Updated: day.Add(time.Hour), Active: true, Verified: true, Age: 36, Visits: i % 1000, Rank: i % 10, Score: 9.75, Balance: 12.5, Quota: 100,
	}
}

var errShort = errors.New("data: too short")

// EncodeSmall and DecodeSmall are as short and as fast as one can write them: a peer
// that keeps bytes is not to look slow because of a codec.
func EncodeSmall(s Small) []byte {
	return append(binary.AppendVarint(make([]byte, 0, binary.MaxVarintLen64+len(s.Name)), int64(s.ID)), s.Name...)
}

// DecodeSmall is the inverse of EncodeSmall.
func DecodeSmall(b []byte) (Small, error) {
	id, n := binary.Varint(b)
	if n <= 0 {
		return Small{}, errShort
	}
	return Small{ID: int(id), Name: string(b[n:])}, nil
}

// EncodeRow is JSON.
func EncodeRow(r Row) []byte {
	b, _ := json.Marshal(r) // of plain fields: it cannot fail
	return b
}

// DecodeRow is the inverse of EncodeRow.
func DecodeRow(b []byte) (r Row, err error) {
	err = json.Unmarshal(b, &r)
	return r, err
}
