package scaling

// fleet.go is the sheet: what a fleet does, and what its servers bear for it.

import "time"

// A Fleet is how many there are, and what they do. Rates are per second.
type Fleet struct {
	Processes, Servers int
	PollInterval       time.Duration

	// Of one process: reads that neither its request nor its L2 answers, and how many of
	// them memcached does not answer either, so that they are loaded.
	Reads, Loads float64

	// Of all processes together: calls that invalidate one key, one tag, one tree.
	Keys, Tags, Trees float64

	// Readers is how many processes have an invalidated key in their L2 and read it again
	// soon: the first one loads it, the others get it from memcached. They come on top of Reads.
	Readers float64

	MaxConns int           // memcached.Config.MaxConns
	TTL      time.Duration // of values: a few digits on the wire
	Sizes    Sizes
}

// Default is a fleet with memo's own settings that does nothing.
func Default() Fleet {
	return Fleet{
		Processes: 1, Servers: 1, PollInterval: 100 * time.Millisecond, MaxConns: 64, TTL: 10 * time.Minute,
		Sizes: Sizes{Prefix: 4, Name: 4, Key: 15, Tag: 7, Value: 500, CAS: 8, Server: 15},
	}
}

// A Load is what comes of it.
type Load struct {
	Server  Traffic // of each server, a second, of all processes
	Polls   Traffic // the part of it that is polls
	Process Traffic // of each process, a second, to all servers

	Records     float64       // that a poll finds, on average
	Numbers     float64       // that a poll asks for, on average
	Further     float64       // commands that a poll needs beside the first, on average
	Least, Most int           // connections of each server: at rest, and when every process uses all it may
	CPU         time.Duration // of each server, a second
	ProcessCPU  time.Duration // of each process for its polls alone, a second
}

// Predict returns what f costs. Keys are spread evenly over the servers, and each
// happens at random. It does not know of what is rare on a good day: reads that wait
// for another process's load and look again, commands that are repeated, reads under
// Fresh and loads inside of loads, which poll out of turn.
func Predict(f Fleet) Load {
	s, processes, servers := f.Sizes, float64(f.Processes), float64(f.Servers)
	here := f.Keys / servers // a key has one place; of a tag or a tree there may be something everywhere
	told, name := f.records()
	each := s.polls(told*f.PollInterval.Seconds(), name)
	l := Load{
		Records: told * f.PollInterval.Seconds(), Numbers: each.Gets - each.Commands, Further: each.Commands - 1, Least: f.Processes, Most: f.Processes * f.MaxConns,
		Polls: each.Times(processes / f.PollInterval.Seconds()),
	}
	loads, hits := processes*f.Reads*f.Loads, processes*f.Reads*(1-f.Loads)
	if f.Readers > 0 {
		loads, hits = loads+f.Keys, hits+f.Keys*(f.Readers-1)
	}
	l.Server = sum(
		l.Polls, s.renew(f.Servers, f.PollInterval).Times(processes/renewal.Seconds()),
		s.hit().Times(hits/servers), s.load(f.TTL).Times(loads/servers),
		s.key().Times(here), s.tag().Times(f.Tags), s.tree().Times(f.Trees), s.named().Times(f.Trees/servers),
	)
	if f.Servers > 1 {
		l.Server = l.Server.Plus(s.open().Times(f.Tags + f.Trees))
	}
	l.Process = l.Server.Times(servers / processes)
	l.CPU = cpu(l.Server)
	l.ProcessCPU = time.Duration(servers / f.PollInterval.Seconds() * each.Commands * float64(pollCPU))
	return l
}

// records is how many of them a server's log gets in a second, and how long the name
// in each is.
func (f Fleet) records() (rate float64, name int) {
	keys, everywhere := f.Keys/float64(f.Servers), f.Tags+f.Trees
	rate = keys + everywhere
	if rate == 0 {
		return 0, 0
	}
	length := (keys*float64(f.Sizes.Key) + f.Tags*float64(f.Sizes.Tag) + f.Trees*float64(f.Sizes.Name)) / rate
	if f.Servers > 1 {
		rate += everywhere // see open
	}
	return rate, int(length + 0.5)
}
