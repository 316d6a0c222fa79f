module golibraries

go 1.22

require (
	github.com/PaesslerAG/jsonpath v0.1.1
	github.com/bmatcuk/doublestar/v4 v4.10.4
	github.com/robfig/cron/v3 v3.0.1
)

require github.com/PaesslerAG/gval v1.0.0 // indirect
