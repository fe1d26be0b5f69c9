package torch

import (
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"

	"lutra/internal/safe"
)

// Pieces of legacy streams.
const (
	magicPickle  = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
	protoPickle  = "\x80\x02M\xe9\x03."
	systemPickle = "\x80\x02}X\x0d\x00\x00\x00little_endian\x88s."
	noKeys       = "\x80\x02]."
	header       = magicPickle + protoPickle + systemPickle
)

// object makes a legacy stream of the opcodes of one object without storages.
func object(ops string) string { return header + "\x80\x02" + ops + "." + noKeys }

// floats is a persistent id of a float storage "0" of n elements (one byte).
func floats(n string) string {
	return "(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK" + n + "Nt"
}

// rebuild makes a tensor of the storage "0" of n floats from opcodes that push
// offset, size and stride.
func rebuild(n, view string) string {
	return "ctorch._utils\n_rebuild_tensor_v2\n(" + floats(n) + "Q" + view + "\x89ccollections\nOrderedDict\n)RtR"
}

// storage is what follows a pickle for the key "0": the keys and the elements.
func tail(count uint64, elements string) string {
	return "\x80\x02]U\x010a." + string(binary.LittleEndian.AppendUint64(nil, count)) + elements
}

var refusals = []struct{ name, file, want string }{
	{"empty", "", "expected a PyTorch file"},
	{"text", "hello world", "expected a PyTorch file"},
	{"protocol 0 pickle", "(dp0\n.", "expected a PyTorch file"},

	{"wrong magic", strings.Replace(object("N"), "\x6c\xfc", "\x6c\xfd", 1), "magic number"},
	{"small integer as magic", "\x80\x02K\x01.", "magic number"},
	{"string as magic", "\x80\x02U\x01a.", "magic number"},
	{"wrong protocol", magicPickle + "\x80\x02M\xe8\x03." + systemPickle, "protocol: expected 1001"},
	{"protocol is a string", magicPickle + "\x80\x02U\x01a." + systemPickle, "protocol: expected 1001"},
	{"system is a list", magicPickle + protoPickle + "\x80\x02].", "system information"},
	{"big-endian", magicPickle + protoPickle + strings.Replace(systemPickle, "\x88s", "\x89s", 1), "byte order"},
	{"no byte order", magicPickle + protoPickle + "\x80\x02}.", "byte order"},
	{"end after the header", header, "end of file"},
	{"end after the object", header + "\x80\x02N.", "end of file"},
	{"trailing byte", object("N") + "\x00", "1 more bytes"},
	{"keys are a dict", header + "\x80\x02N.\x80\x02}.", "list of storage keys"},
	{"key nobody uses", header + "\x80\x02N." + tail(1, "aaaa"), "unknown key"},
	{"key is a number", header + "\x80\x02N.\x80\x02]K\x01a.", "unknown key"},

	{"pickle protocol 1", object("\x80\x01N"), "protocol 2 to 5"},
	{"pickle protocol 6", object("\x80\x06N"), "protocol 2 to 5"},
	{"frame beyond the end", object("\x95\xff\xff\x00\x00\x00\x00\x00\x00N"), "FRAME"},
	{"frame of 2^63", object("\x95\x00\x00\x00\x00\x00\x00\x00\x80N"), "FRAME"},
	{"unknown opcode", object("\xff"), "a pickle opcode, found byte 0xff"},
	{"zero byte", object("\x00"), "a pickle opcode, found byte 0x00"},
	{"stop on an empty stack", object(""), "one value on the stack, found 0"},
	{"two values", object("NN"), "one value on the stack, found 2"},
	{"open mark", object("(N"), "1 marks"},

	{"POP underflow", object("0"), "1 values on the stack"},
	{"POP through a mark", object("N(0"), "1 values on the stack"},
	{"POP_MARK without a mark", object("N1"), "a mark"},
	{"TUPLE without a mark", object("Nt"), "a mark"},
	{"TUPLE1 underflow", object("\x85"), "1 values"},
	{"TUPLE2 underflow", object("N\x86"), "2 values"},
	{"TUPLE3 underflow", object("NN\x87"), "3 values"},
	{"TUPLE2 through a mark", object("N(N\x86"), "2 values"},
	{"LIST without a mark", object("l"), "a mark"},
	{"DICT without a mark", object("d"), "a mark"},
	{"DICT of three", object("(U\x01aNU\x01bd"), "pairs of key and value"},
	{"APPEND underflow", object("N" + "a"), "1 values"},
	{"APPEND to a dict", object("}Na"), "a list below the items, found dict"},
	{"APPENDS without a mark", object("]e"), "a mark"},
	{"APPENDS to nothing", object("(Ne"), "1 values"},
	{"APPENDS to None", object("N(Ne"), "a list below the items, found None"},
	{"SETITEM underflow", object("}s"), "2 values"},
	{"SETITEM on a list", object("]U\x01aNs"), "a dict below the items, found list"},
	{"SETITEM on a class", object("ctorch\nSize\nU\x01aNs"), "a dict below the items, found class"},
	{"SETITEMS of one", object("}(U\x01au"), "pairs of key and value"},
	{"SETITEMS on a tuple", object(")(U\x01aNu"), "a dict below the items, found tuple"},
	{"list as key", object("}]Ns"), "a string or an integer as key, found list"},
	{"tuple as key", object("})Ns"), "a string or an integer as key, found tuple"},
	{"None as key", object("}NNs"), "a string or an integer as key"},
	{"BINPUT of nothing", object("q\x00"), "1 values"},
	{"MEMOIZE of nothing", object("\x94"), "1 values"},
	{"BINGET of nothing", object("h\x07"), "no entry 7"},
	{"LONG_BINGET of nothing", object("j\xff\xff\xff\xff"), "no entry 4294967295"},
	{"memo of an earlier pickle", magicPickle + "\x80\x02M\xe9\x03q\x00." + systemPickle + "\x80\x02h\x00." + noKeys, "no entry 0"},

	{"BININT cut", header + "\x80\x02J\x01", "4 bytes"},
	{"BININT2 cut", header + "\x80\x02M\x01", "2 bytes"},
	{"BINFLOAT cut", header + "\x80\x02G\x01\x02", "8 bytes"},
	{"LONG1 of 255 cut", header + "\x80\x02\x8a\xff" + strings.Repeat("a", 254), "255 bytes"},
	{"LONG4 of 2^32-1", object("\x8b\xff\xff\xff\xff"), "4294967295 bytes"},
	{"LONG4 of 256", object("\x8b\x00\x01\x00\x00" + strings.Repeat("a", 256)), "at most 255 bytes"},
	{"BINUNICODE of 2^32-1", object("X\xff\xff\xff\xff"), "4294967295 bytes"},
	{"BINUNICODE8 of 2^63", object("\x8d\x00\x00\x00\x00\x00\x00\x00\x80"), "9223372036854775808 bytes"},
	{"BINUNICODE8 of 2^64-1", object("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615 bytes"},
	{"SHORT_BINUNICODE cut", header + "\x80\x02\x8c\x05ab", "5 bytes"},
	{"text that is not UTF-8", object("U\x02\xff\xfe"), "UTF-8"},
	{"BINBYTES8 of 2^63", object("\x8e\x00\x00\x00\x00\x00\x00\x00\x80"), "9223372036854775808 bytes"},
	{"SHORT_BINBYTES cut", header + "\x80\x02C\x05ab", "5 bytes"},

	{"INT", object("I1\n"), "INT: expected an opcode that torch.save writes"},
	{"INST", object("(ios\nsystem\n"), "INST: expected an opcode"},
	{"OBJ", object("(ctorch\nSize\no"), "OBJ: expected an opcode"},
	{"NEWOBJ", object("ctorch\nSize\n)\x81"), "NEWOBJ: expected an opcode"},
	{"EXT1", object("\x82\x01"), "EXT1: expected an opcode"},
	{"EMPTY_SET", object("\x8f"), "EMPTY_SET: expected an opcode"},
	{"BYTEARRAY8", object("\x96\x00\x00\x00\x00\x00\x00\x00\x00"), "BYTEARRAY8: expected an opcode"},
	{"NEXT_BUFFER", object("\x97"), "NEXT_BUFFER: expected an opcode"},
	{"PERSID", object("Pa\n"), "PERSID: expected an opcode"},
	{"DUP", object("N2"), "DUP: expected an opcode"},

	{"os.system", object("cos\nsystem\nU\x02id\x85R"), `found "os.system"`},
	{"builtins.eval", object("U\x08builtinsU\x04eval\x93"), `found "builtins.eval"`},
	{"posix.system by STACK_GLOBAL", object("\x8c\x05posix\x8c\x06system\x93"), `found "posix.system"`},
	{"a class in another module", object("cos\nOrderedDict\n"), `found "os.OrderedDict"`},
	{"complex storage", object("ctorch\nComplexFloatStorage\n"), `found "torch.ComplexFloatStorage"`},
	{"a whole module", object("cmodels.resnet\nResNet\n)\x81"), `found "models.resnet.ResNet"`},
	{"attribute path", object("ctorch._utils\n_rebuild_tensor_v2.__globals__\n"), "a class of tensors"},
	{"GLOBAL without a newline", header + "\x80\x02ctorch", "no end of line"},
	{"GLOBAL of 100 kB", object("c" + strings.Repeat("a", 100_000) + "\nb\n"), "no end of line"},
	{"STACK_GLOBAL of numbers", object("K\x01K\x02\x93"), "two strings, found int and int"},
	{"STACK_GLOBAL underflow", object("U\x01a\x93"), "2 values"},
	{"REDUCE of a string", object("U\x01a)R"), "a class that takes arguments, found str"},
	{"REDUCE of a storage class", object("ctorch\nFloatStorage\n)R"), "a class that takes arguments"},
	{"REDUCE with a list", object("ctorch\nSize\n]R"), "a tuple of arguments, found list"},
	{"REDUCE underflow", object("ctorch\nSize\nR"), "2 values"},
	{"Size of a string", object("ctorch\nSize\nU\x01a\x85R"), "torch.Size(tuple), found 1 starting with str"},
	{"OrderedDict of a number", object("ccollections\nOrderedDict\nK\x01\x85R"), "OrderedDict()"},
	{"OrderedDict of triples", object("ccollections\nOrderedDict\n]](NNNea\x85R"), "pairs of key and value"},
	{"BUILD of a list", object("]}b"), "an OrderedDict, found list"},
	{"BUILD with a tuple", object("})b"), "a dict of attributes, found tuple"},
	{"BUILD underflow", object("}b"), "1 values"},
	{"numpy object scalar", object("cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R"), `a numpy scalar type, found "O8"`},
	{"numpy big-endian", object("cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01>NtbN"), "a little-endian scalar type"},
	{"numpy scalar of 3 bytes", object("cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\nU\x02f8K\x00K\x01\x87RC\x03abctR"), "scalar(dtype, bytes)"},
	{"encode of a list", object("c_codecs\nencode\n]U\x06latin1\x86R"), "encode(text"},
	{"encode to another codec", object("c_codecs\nencode\nU\x01aU\x03zip\x86R"), "encode(text"},
	{"encode beyond latin-1", object("c_codecs\nencode\nX\x03\x00\x00\x00\xe2\x82\xacU\x06latin1\x86R"), "latin-1 text"},

	{"persistent id is a string", object("U\x01aQ"), "a persistent id"},
	{"persistent id of a module", object("(U\x06moduleNNNNtQ"), `a tuple of 5 starting with "module"`},
	{"persistent id too short", object("(U\x07storagetQ"), "a persistent id"},
	{"storage of class Size", object("(U\x07storagectorch\nSize\nU\x010U\x03cpuK\x01NtQ"), "a storage class"},
	{"storage key is a number", object("(U\x07storagectorch\nFloatStorage\nK\x00U\x03cpuK\x01NtQ"), "a storage key and a count"},
	{"storage count -1", object("(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuJ\xff\xff\xff\xffNtQ"), "a storage key and a count"},
	{"storage count 2^60", object("(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpu\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x10NtQ"), "a storage of at most"},
	{"storage count beyond 64 bits", object("(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpu\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01NtQ"), "a storage key and a count"},
	{"storage view", object("(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK\x01U\x01vtQ"), "a view of another storage"},
	{"storage of two types", object("(" + floats("\x01") + "Q(U\x07storagectorch\nHalfStorage\nU\x010U\x03cpuK\x01NtQt"), `storage "0" of 1 float32`},
	{"storage of two sizes", object("(" + floats("\x01") + "Q" + floats("\x02") + "Qt"), `storage "0" of 1 float32`},

	{"tensor without arguments", object("ctorch._utils\n_rebuild_tensor_v2\n)R"), "_rebuild_tensor(storage"},
	{"tensor of no storage", object("ctorch._utils\n_rebuild_tensor_v2\n(NK\x00))\x89NtR"), "_rebuild_tensor(storage"},
	{"parameter of no tensor", object("ctorch._utils\n_rebuild_parameter\n(N\x89NtR"), "_rebuild_parameter(tensor"},
	{"size and stride differ", object(rebuild("\x01", "K\x00K\x01\x85)")), "_rebuild_tensor(storage"},
	{"size of strings", object(rebuild("\x01", "K\x00U\x01a\x85K\x01\x85")), "_rebuild_tensor(storage"},
	{"rank 9", object(rebuild("\x01", "K\x00("+strings.Repeat("K\x01", 9)+"t("+strings.Repeat("K\x01", 9)+"t")), "_rebuild_tensor(storage"},
	{"negative size", object(rebuild("\x02", "K\x00J\xff\xff\xff\xff\x85K\x01\x85")), "a tensor shape"},
	{"negative stride", object(rebuild("\x02", "K\x00K\x02\x85J\xff\xff\xff\xff\x85")), "strides of at least 0"},
	{"size beyond the storage", object(rebuild("\x02", "K\x00K\x03\x85K\x01\x85")), "a view inside storage"},
	{"stride beyond the storage", object(rebuild("\x04", "K\x00K\x02\x85K\x04\x85")), "a view inside storage"},
	{"stride of 2^62", object(rebuild("\x04", "K\x00K\x05\x85\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x40\x85")), "a view inside storage"},
	{"offset beyond the storage", object(rebuild("\x02", "K\x01K\x02\x85K\x01\x85")), "a view inside storage"},
	{"negative offset", object(rebuild("\x02", "J\xff\xff\xff\xffK\x01\x85K\x01\x85")), "a view inside storage"},
	{"offset of an empty view", object(rebuild("\x02", "K\x03K\x00\x85K\x01\x85")), "a view inside storage"},
	{"shape of 2^62 elements", object(rebuild("\x01", "K\x00J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86K\x00K\x00\x86")), "a tensor shape"},
	{"one number expanded to 2 GB", object(rebuild("\x01", "K\x00J\x00\x00\x00\x1f\x85K\x00\x85")), "views not much larger than the file"},
	{"storage without bytes", object(rebuild("\x01", "K\x00K\x01\x85K\x01\x85")), `storage "0": expected 1 float32, found nothing`},
	{"count cut", header + "\x80\x02" + rebuild("\x01", "K\x00K\x01\x85K\x01\x85") + "." + tail(1, "")[:12], "8 bytes"},
	{"count of another size", header + "\x80\x02" + rebuild("\x01", "K\x00K\x01\x85K\x01\x85") + "." + tail(2, "aaaaaaaa"), "1 elements, found 2"},
	{"elements cut", header + "\x80\x02" + rebuild("\x02", "K\x00K\x02\x85K\x01\x85") + "." + tail(2, "aaaaaaa"), "7 bytes left"},
	{"elements and more", header + "\x80\x02" + rebuild("\x01", "K\x00K\x01\x85K\x01\x85") + "." + tail(1, "aaaaa"), "1 more bytes"},
	{"storage twice", header + "\x80\x02" + rebuild("\x01", "K\x00K\x01\x85K\x01\x85") + ".\x80\x02](U\x010U\x010e." +
		"\x01\x00\x00\x00\x00\x00\x00\x00aaaa\x01\x00\x00\x00\x00\x00\x00\x00aaaa", "each storage once"},
	{"bool of 2", header + "\x80\x02" + strings.Replace(rebuild("\x01", "K\x00K\x01\x85K\x01\x85"), "Float", "Bool", 1) + "." + tail(1, "\x02"), "a bool"},
}

func TestRefusals(t *testing.T) {
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode("f.pth", []byte(c.file))
			checkRefused(t, err, c.want)
		})
	}
}

func checkRefused(t *testing.T, err error, want string) {
	t.Helper()
	var fe *safe.FormatError
	if !errors.As(err, &fe) {
		t.Fatalf("error %v, want a FormatError with %q", err, want)
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("error %q, want %q", err, want)
	}
	if fe.File != "f.pth" {
		t.Errorf("error about file %q", fe.File)
	}
}

// TestAccepted makes sure that the pieces of the refusals are right by themselves.
func TestAccepted(t *testing.T) {
	for _, f := range []string{
		object("N"),
		object("\x8a\xff" + strings.Repeat("\xff", 255)), // LONG1 of 255 bytes: -1
		object("}U\x01aNs"),
		object("ctorch\nSize\n)\x85R"),
		object("ccollections\nOrderedDict\n]](U\x01aNea\x85R"),
		object("cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<Ntb0N"),
		header + "\x80\x02" + rebuild("\x02", "K\x00K\x02\x85K\x01\x85") + "." + tail(2, "aaaaaaaa"),
		header + "\x80\x02" + rebuild("\x02", "K\x02K\x00\x85K\x01\x85") + "." + tail(2, "aaaaaaaa"),
	} {
		if _, err := Decode("f.pth", []byte(f)); err != nil {
			t.Errorf("%.60q: %v", f, err)
		}
	}
}

// TestLimits runs the machine into its limits with few bytes per step.
func TestLimits(t *testing.T) {
	memo := make([]byte, 0, 6<<20)
	memo = append(memo, 'N')
	for i := range uint32(maxMemo + 1) {
		memo = binary.LittleEndian.AppendUint32(append(memo, 'r'), i)
	}
	for _, c := range []struct{ name, ops, want string }{
		{"opcodes", strings.Repeat("N0", maxOpcodes/2), "opcodes"},
		{"stack", strings.Repeat("N", maxStack+1), "a stack of at most"},
		{"marks", strings.Repeat("(", maxStack+1), "marks"},
		{"memo", string(memo), "memory"},
		{"dicts", "]" + strings.Repeat("}a", 2_000_000), "memory"},
		{"nested lists", "]" + strings.Repeat("]a", 2_000_000), "memory"},
		{"tuples of the same", "N" + strings.Repeat("\x85q\x00h\x00\x86", 1_000_000), "memory"},
		{"numbers", "]" + strings.Repeat("K\xffa", 2_000_000), "memory"},
		{"tensors", "](" + floats("\x01") + "QK\x00K\x01\x85K\x01\x85tq\x000ctorch._utils\n_rebuild_tensor\nq\x010" + strings.Repeat("h\x01h\x00Ra", 70_000), "at most 65536 tensors"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := []byte(object(c.ops))
			err := bounded(t, file)
			checkRefused(t, err, c.want)
		})
	}
}

// bounded decodes file and fails when that allocates more than 3x its size +
// 64 MiB: with the file itself, 4x. What is allocated is an upper bound of what is held.
func bounded(t *testing.T, file []byte) error {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Decode("f.pth", file)
	runtime.ReadMemStats(&after)
	if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(3*len(file)+64<<20); got > limit {
		t.Errorf("%d bytes allocated for a file of %d (limit %d)", got, len(file), limit)
	}
	return err
}
