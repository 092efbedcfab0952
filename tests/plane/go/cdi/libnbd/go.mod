// Stands in for the Go binding of libnbd, of which no module archive exists.
module libguestfs.org/libnbd

go 1.24.0
