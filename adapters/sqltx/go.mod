module github.com/tiermemo/tiermemo/adapters/sqltx

go 1.26.0

replace github.com/tiermemo/tiermemo => ../../

require (
	github.com/tiermemo/tiermemo v0.0.0
	go.uber.org/goleak v1.3.0
)

require (
	github.com/dchest/siphash v1.2.3 // indirect
	github.com/dgryski/go-rendezvous v0.0.0-20200823014737-9f7001d12a5f // indirect
	golang.org/x/sync v0.24.0 // indirect
)
