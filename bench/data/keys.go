package data

import (
	"math/rand/v2"
	"strconv"
)

// Order says in which order keys are asked for.
type Order string

// The two orders of the tables.
const (
	Uniform Order = "uniform"
	Zipf    Order = "zipf"
)

// Numbers returns so many look-ups of 0 to n-1 in an order, the same in every run.
func Numbers(order Order, n, length int) []int {
	random := rand.New(rand.NewPCG(1, 2))
	z := rand.NewZipf(random, 1.01, 1, uint64(n-1))
	ks := make([]int, length)
	for i := range ks {
		if order == Zipf {
			ks[i] = int(z.Uint64())
		} else {
			ks[i] = random.IntN(n)
		}
	}
	return ks
}

// Text is the key of number i as a string.
func Text(i int) string { return "user:" + strconv.Itoa(i) }

// Number is the inverse of Text.
func Number(key string) int {
	n, _ := strconv.Atoi(key[len("user:"):])
	return n
}

// Texts returns the keys of ks. Each string is made once, so that a look-up compares
// pointers where its peer can, as it does when the key came out of a table.
func Texts(ks []int) []string {
	made := map[int]string{}
	texts := make([]string, len(ks))
	for i, k := range ks {
		if _, ok := made[k]; !ok {
			made[k] = Text(k)
		}
		texts[i] = made[k]
	}
	return texts
}
