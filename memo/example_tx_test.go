package memo_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/tiermemo/tiermemo/memo"
)

// example_tx_test.go: what a transaction reads and writes is its own until it commits.

// A transfer, in a database that is two numbers. Adapter sqltx does this for database/sql.
func ExampleBeginTx() {
	ctx, end := begin()
	defer end()
	committed, mine := 100, 100
	balance := func(context.Context) (int, error) { return committed, nil }
	fmt.Println(memo.Do(ctx, "balance", balance))

	txCtx, tx := memo.BeginTx(ctx) // after BEGIN
	defer tx.Discard()
	mine -= 30 // UPDATE
	if err := memo.Invalidate(txCtx, "balance"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(memo.Do(txCtx, "balance", func(context.Context) (int, error) { return mine, nil }))
	fmt.Println(memo.Do(ctx, "balance", balance)) // everybody else

	committed = mine // COMMIT
	if err := tx.Commit(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(memo.Do(ctx, "balance", balance))
	// Output:
	// 100 <nil>
	// 70 <nil>
	// 100 <nil>
	// 70 <nil>
}

// The write is committed: that the shared tier hears of it later is no error.
func ExampleTx_Commit() {
	ctx, end := begin()
	defer end()
	txCtx, tx := memo.BeginTx(ctx)
	if err := memo.InvalidateTags(txCtx, "prices"); err != nil { // written down
		log.Fatal(err)
	}
	if err := tx.Commit(txCtx); err != nil && !errors.Is(err, memo.ErrDeferred) { // told
		log.Fatal(err)
	}
	fmt.Println(memo.From(ctx).Snapshot().Total.Invalidations.Tags)
	fmt.Println(tx.Commit(txCtx))
	// Output:
	// 1
	// memo: Tx.Commit: the Tx has ended; commit it once, and not after Discard
}

// A rollback invalidates nothing. Deferred, Discard looks after panics too.
func ExampleTx_Discard() {
	ctx, end := begin()
	defer end()
	err := func() error {
		txCtx, tx := memo.BeginTx(ctx)
		defer tx.Discard()
		if err := memo.InvalidateAll(txCtx); err != nil {
			return err
		}
		return errors.New("no such account")
	}()
	fmt.Println(err, memo.From(ctx).Snapshot().Total.Invalidations.All)
	// Output: no such account 0
}

// Who opens a transaction of a database looks whether its caller has one already.
func ExampleInTx() {
	ctx, end := begin()
	defer end()
	txCtx, tx := memo.BeginTx(ctx)
	fmt.Println(memo.InTx(ctx), memo.InTx(txCtx))
	tx.Discard()
	fmt.Println(memo.InTx(txCtx))
	// Output:
	// false true
	// false
}
