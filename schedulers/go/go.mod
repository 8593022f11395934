module schedbench

go 1.25
