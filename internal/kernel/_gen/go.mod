module lutra/kernelgen

go 1.26.0
