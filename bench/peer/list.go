package peer

// list.go is who takes part. Ours come first: the others are compared with them.

// Matrix are those who are measured in every cell of the matrix, by keys that are
// strings.
func Matrix[V any]() []Named[string, V] {
	return []Named[string, V]{
		{Name: Func, New: NewFunc[string, V]},
		{Name: Do, New: NewDo[V], Closure: true},
		{Name: ByHand, New: NewByHand[string, V]},
		{Name: "otter", New: NewOtter[string, V]},
		{Name: "otter, closure", Against: Do, New: NewOtterClosure[string, V], Closure: true},
		{Name: "sturdyc", Against: Do, New: NewSturdyc[V], Closure: true},
	}
}

// MatrixOfNumbers are the same with keys that are numbers.
func MatrixOfNumbers[V any]() []Named[int, V] {
	return []Named[int, V]{
		{Name: Func, New: NewFunc[int, V]},
		{Name: Do, New: NewDoKey[V], Closure: true},
		{Name: ByHand, New: NewByHand[int, V]},
		{Name: "otter", New: NewOtter[int, V]},
		{Name: "otter, closure", Against: Do, New: NewOtterClosure[int, V], Closure: true},
		{Name: "sturdyc", Against: Do, New: byText(NewSturdyc[V]), Closure: true},
	}
}

// Others are measured in one cell of each kind of work that they can do.
func Others[V any]() []Named[string, V] {
	return []Named[string, V]{
		{Name: "theine", New: NewTheine[string, V]},
		{Name: "ttlcache", New: NewTTLCache[string, V]},
		{Name: "eko/gocache", New: NewGocache[V], Later: true},
		{Name: "groupcache", New: NewGroupcache[V]},
		{Name: "go-redis/cache, local", Against: Do, New: NewGoRedisCache[V], Closure: true},
	}
}

// OnRedis are those that want a server even for a hit in the process.
func OnRedis[V any]() []Named[string, V] {
	return []Named[string, V]{{Name: "rueidis, client side", New: NewRueidis[V], Needs: "redis", Later: true}}
}

// Everybody of Matrix and Others, and those who take part there only.
func Everybody[V any]() []Named[string, V] {
	all := append(append(Matrix[V](), Others[V]()...), OnRedis[V]()...)
	return append(all, Named[string, V]{Name: "tiermemo Do, a TTL at each call", New: NewDoTTL[V], Closure: true})
}

// ByCapacity are those whose policy is compared, by how much of a trace they answer.
func ByCapacity[V any]() []Named[int, V] {
	return []Named[int, V]{
		{Name: Func, New: NewFunc[int, V]},
		{Name: ByHand, New: NewByHand[int, V]},
		{Name: "otter", New: NewOtter[int, V]},
		{Name: "theine", New: NewTheine[int, V]},
		{Name: "sturdyc", New: byText(NewSturdyc[V])},
		{Name: "ttlcache", New: NewTTLCache[int, V]},
	}
}
