module lutra/oracle

go 1.26

require (
	github.com/yalue/onnxruntime_go v1.27.0
	lutra v0.0.0
)

replace lutra => ../
