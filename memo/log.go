package memo

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"
)

// Beside every path: all that this package ever logs. What is told are changes of
// state, so that a log that is silent is good news. No line holds a key or a
// value, and none is longer than a few hundred bytes; how many there may be, and
// who writes them, is in journal.go.

// What lines are about.
const (
	aboutTier     = iota // it is down, it is back
	aboutEpoch           // a new one began, by this process after an outage
	aboutAnew            // one was found
	aboutLater           // others say who is in use by whom this process cannot go
	aboutTypes           // values of a type stay out of the shared tier
	aboutEncoding        // a value stays out of it
	aboutRefusal         // a value was refused there
	aboutPanic           // of a loader that nobody waited for
	subjects      = iota
)

// mostLines returns how many lines about each may be written in any minute. Of
// those about types each names another one, and is written once: a program has no
// more of them than its code has.
func mostLines() [subjects]int {
	return [subjects]int{aboutTier: 6, aboutEpoch: 2, aboutAnew: 2, aboutLater: 1, aboutTypes: 1000, aboutEncoding: 1, aboutRefusal: 1, aboutPanic: 1}
}

// tierDown and tierUp are called under the lock that decides which of the two is
// the case, so that the last one is true.
func (j *journal) tierDown(tier string, err error) {
	j.say(line{aboutTier, slog.LevelWarn, "memo: a server of the shared tier does not answer: reads go on without it, invalidations wait for it",
		[]slog.Attr{slog.String("tier", tier)}, err})
}

func (j *journal) tierUp(tier string) {
	j.say(line{aboutTier, slog.LevelInfo, "memo: a server of the shared tier answers again", []slog.Attr{slog.String("tier", tier)}, nil})
}

// noServers says that the list is empty, which is no server's fault.
func (j *journal) noServers() {
	j.say(line{aboutTier, slog.LevelWarn, "memo: the list of the shared tier's servers is empty: reads go on without it, invalidations wait for it", nil, nil})
}

func (j *journal) newEpoch(tier string) {
	j.say(line{aboutEpoch, slog.LevelInfo, "memo: a server of the shared tier has a new epoch after an outage: all that it held is loaded again",
		[]slog.Attr{slog.String("tier", tier)}, nil})
}

// beganAnew says that an epoch was found which this process did not ask for.
func (j *journal) beganAnew(tier string) {
	j.say(line{aboutAnew, slog.LevelInfo, "memo: a server of the shared tier began anew: it came into use, was restarted or flushed, lost its counter, or another process made it void; all that it held is loaded again",
		[]slog.Attr{slog.String("tier", tier)}, nil})
}

// foreign says that this process cannot go by what others say of which servers are in use.
func (j *journal) foreign(tier string, err error) {
	j.say(line{aboutLater, slog.LevelWarn, "memo: a later release of this library, or processes with another PlacementKey, say which servers are in use: nothing is read from them, invalidations are told to all and deferred",
		[]slog.Attr{slog.String("tier", tier)}, err})
}

// tooMany says that the servers are too many to agree on.
func (j *journal) tooMany(tier string) {
	j.say(line{aboutLater, slog.LevelError, "memo: there are too many servers, or lists of them at the same time: what this process has is not used until there are fewer",
		[]slog.Attr{slog.String("tier", tier)}, nil})
}

// lossy says why no value of t goes into the shared tier.
func (j *journal) lossy(t reflect.Type, why error) {
	j.say(line{aboutTypes, slog.LevelWarn, "memo: values of a type stay out of the shared tier, which would lose a part of them",
		[]slog.Attr{slog.String("type", short(fmt.Sprint(t)))}, why})
}

// unencoded says that the codec refused a value of t, and of err what shows no part
// of the value.
func (j *journal) unencoded(t reflect.Type, err error) {
	j.say(line{aboutEncoding, slog.LevelWarn, "memo: the codec refused a value: it stays out of the shared tier",
		[]slog.Attr{slog.String("type", short(fmt.Sprint(t))), slog.String("error", short(reason(err)))}, nil})
}

// refused says that the shared tier refused a value of t.
func (j *journal) refused(t reflect.Type, err error) {
	j.say(line{aboutRefusal, slog.LevelWarn, "memo: the shared tier refused a value: it is too large, or the server is out of memory",
		[]slog.Attr{slog.String("type", short(fmt.Sprint(t)))}, err})
}

// panicked says that a loader of values of type t panicked, or called Goexit, where
// nobody gets the panic. What it panicked with may be a value.
func (j *journal) panicked(t reflect.Type, where string) {
	j.say(line{aboutPanic, slog.LevelError, "memo: a loader panicked in a refresh that nobody waits for; the old value is served on",
		[]slog.Attr{slog.String("type", short(fmt.Sprint(t))), slog.String("at", where)}, nil})
}

// noteUncached is the one message that belongs to no cache, and so to no journal.
// uncached.go sees to it that there are few.
func noteUncached(name string) {
	slog.Warn("memo: a call ran uncached, because there is no cache in its context; install the middleware or call Begin", "name", name)
}

// short bounds what others have written.
func short(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
