module lutra/oracle

go 1.26.0

require (
	github.com/yalue/onnxruntime_go v1.27.0
	lutra v0.0.0
)

require (
	github.com/google/flatbuffers v25.12.19+incompatible // indirect
	golang.org/x/arch v0.32.0 // indirect
	golang.org/x/image v0.47.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace lutra => ../
