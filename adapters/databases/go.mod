module github.com/tiermemo/tiermemo/adapters/databases

go 1.26.0

replace (
	github.com/tiermemo/tiermemo => ../../
	github.com/tiermemo/tiermemo/adapters/sqltx => ../sqltx
)

require (
	github.com/jackc/pgx/v5 v5.12.0
	github.com/mattn/go-sqlite3 v1.14.32
	github.com/tiermemo/tiermemo v0.0.0
	github.com/tiermemo/tiermemo/adapters/sqltx v0.0.0
	go.uber.org/goleak v1.3.0
)

require (
	github.com/bradfitz/gomemcache v0.0.0-20260422231931-4d751bb6e37c // indirect
	github.com/dchest/siphash v1.2.3 // indirect
	github.com/dgryski/go-rendezvous v0.0.0-20200823014737-9f7001d12a5f // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/text v0.41.0 // indirect
)
