package sqltx_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"

	"github.com/tiermemo/tiermemo/adapters/sqltx"
	"github.com/tiermemo/tiermemo/memo"
)

// accounts reads and writes a balance. (The database of this example knows one row.)
type accounts struct{ db *sql.DB }

func (a *accounts) Withdraw(ctx context.Context, id, cents int) error {
	err := sqltx.RunTx(ctx, a.db, nil, func(ctx context.Context, tx *sql.Tx) error {
		var left int // not by the cache: what a transaction decides by, it reads itself
		if err := tx.QueryRowContext(ctx, "SELECT cents FROM accounts WHERE id = $1 FOR UPDATE", id).Scan(&left); err != nil {
			return err
		}
		if left < cents {
			return errors.New("not enough money")
		}
		if _, err := tx.ExecContext(ctx, "UPDATE accounts SET cents = $1 WHERE id = $2", left-cents, id); err != nil {
			return err
		}
		return memo.Invalidate(ctx, memo.Key("balance", id))
	})
	if errors.Is(err, memo.ErrDeferred) { // it is committed; other processes hear of it later
		return nil
	}
	return err
}

func ExampleRunTx() {
	cache, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close(context.Background())
	bank := &toy{row: 100}
	a := &accounts{db: bank.open()}
	defer a.db.Close()

	ctx, end := cache.Begin(context.Background())
	defer end()
	fmt.Println(a.Withdraw(ctx, 7, 70), bank.read(), cache.Snapshot().Total.Invalidations.Keys)
	fmt.Println(a.Withdraw(ctx, 7, 70), bank.read(), cache.Snapshot().Total.Invalidations.Keys)
	// Output:
	// <nil> 30 1
	// not enough money 30 1
}
