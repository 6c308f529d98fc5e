//! Peers that live in a process of their own and answer over pipes: those in Python, which runs
//! `peers.py`, and the frameworks in Rust, where `frameworks/` has been built.

use crate::{Input, Isa, Peer, Run, left_out};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// A library, and its process once it is wanted.
struct Library {
    name: &'static str,
    server: Server,
    /// What the server calls it.
    module: &'static str,
    isa: Isa,
    environment: &'static [(&'static str, &'static str)],
    process: OnceLock<Option<Mutex<Process>>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Server {
    Python,
    Frameworks,
}

use Server::{Frameworks, Python};

impl Server {
    /// The program without its last argument, or why there is none.
    fn command(self) -> Result<Command, String> {
        const HERE: &str = env!("CARGO_MANIFEST_DIR");
        if self == Python {
            let mut python = Command::new("python3");
            python.arg(format!("{HERE}/peers.py"));
            return Ok(python);
        }
        let target = std::env::var("CARGO_TARGET_DIR");
        let target = target.unwrap_or_else(|_| format!("{HERE}/frameworks/target"));
        let program = Path::new(&target).join("release/logits-frameworks");
        let missing = "cargo build --release --manifest-path benches/peers/frameworks/Cargo.toml";
        if program.exists() { Ok(Command::new(program)) } else { Err(missing.into()) }
    }
}

impl Library {
    const fn new(
        name: &'static str,
        server: Server,
        module: &'static str,
        isa: Isa,
        environment: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self { name, server, module, isa, environment, process: OnceLock::new() }
    }

    fn process(&self) -> Option<&Mutex<Process>> {
        let start = || Process::start(self).map_err(|why| left_out(self.name, why)).ok();
        self.process.get_or_init(|| start().map(Mutex::new)).as_ref()
    }
}

static LIBRARIES: [Library; 8] = [
    Library::new("candle", Frameworks, "candle", Isa::Avx512, &[]),
    Library::new("burn", Frameworks, "burn", Isa::Avx512, &[]),
    Library::new("ONNX Runtime", Python, "onnxruntime", Isa::Avx512, &[]),
    Library::new("PyTorch", Python, "torch", Isa::Avx512, &[]),
    Library::new("NumPy", Python, "numpy", Isa::Avx512, &[]),
    Library::new("SciPy", Python, "scipy", Isa::Avx512, &[]),
    Library::new("PyTorch avx2", Python, "torch", Isa::Avx2, &PYTORCH_AVX2),
    Library::new("NumPy avx2", Python, "numpy", Isa::Avx2, &NUMPY_AVX2),
];

const ONE_THREAD: [&str; 2] = ["OMP_NUM_THREADS", "MKL_NUM_THREADS"];

/// What PyTorch allocates in a call, glibc would return to the system and fetch
/// again, and that can take three times as long as the function.
const KEEP_MEMORY: [(&str, &str); 2] =
    [("MALLOC_MMAP_MAX_", "0"), ("MALLOC_TRIM_THRESHOLD_", "4294967296")];

/// The second is for MKL, which PyTorch has inside.
const PYTORCH_AVX2: [(&str, &str); 2] =
    [("ATEN_CPU_CAPABILITY", "avx2"), ("MKL_ENABLE_INSTRUCTIONS", "AVX2")];

/// The names of NumPy 2.4, then those before it; it warns of names it does not know.
const NUMPY_AVX2: [(&str, &str); 2] = [
    (
        "NPY_DISABLE_CPU_FEATURES",
        "X86_V4 AVX512_ICL AVX512_SPR AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL",
    ),
    ("PYTHONWARNINGS", "ignore"),
];

/// The peers elsewhere whose name is wanted. A library's process starts when it
/// is first wanted, and ends with this one.
pub fn peers(function: &str, wanted: impl Fn(&str) -> bool) -> Vec<Peer> {
    let wanted = LIBRARIES.iter().filter(|library| wanted(library.name));
    let peers = wanted.filter_map(|library| {
        let process = library.process()?;
        let functions = &process.lock().unwrap().functions;
        let function = functions.iter().position(|name| name == function)? as u32;
        let run = Box::new(Remote { process, function });
        Some(Peer { name: library.name.into(), isa: library.isa, run })
    });
    peers.collect()
}

/// A function of a process.
struct Remote {
    process: &'static Mutex<Process>,
    function: u32,
}

impl Run for Remote {
    fn call(&mut self, input: Input, out: &mut [f32]) {
        let mut process = self.process.lock().unwrap();
        process.request(self.function, 0, input, out.len());
        process.answer(bytes_mut(out));
    }

    fn time(&mut self, input: Input, out: &mut [f32], calls: u32) -> [f64; 2] {
        let mut process = self.process.lock().unwrap();
        let mut answer = [[0; 8]; 2];
        process.request(self.function, calls, input, out.len());
        process.answer(answer.as_flattened_mut());
        answer.map(f64::from_ne_bytes)
    }
}

struct Process {
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    functions: Vec<String>,
    /// Ends when its stdin does.
    _child: Child,
}

impl Process {
    fn start(library: &Library) -> Result<Self, String> {
        let mut child = library
            .server
            .command()?
            .arg(library.module)
            .envs(ONE_THREAD.map(|name| (name, "1")))
            .envs(KEEP_MEMORY)
            .envs(library.environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", library.module))?;
        let (requests, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut answers = BufReader::new(answers);
        let mut greeting = String::new();
        answers.read_line(&mut greeting).map_err(|error| error.to_string())?;
        match greeting.trim_end().split_once(": ") {
            Some(("functions", names)) => {
                let functions = names.split(' ').map(String::from).collect();
                Ok(Self { requests, answers, functions, _child: child })
            }
            Some((_, why)) => Err(why.into()),
            None => Err("its process says nothing".into()),
        }
    }

    /// 0 calls ask for the results, more for the nanoseconds of one.
    fn request(&mut self, function: u32, calls: u32, input: Input, results: usize) {
        let Input { shape, x, labels, y } = input;
        let sizes = [shape.rows, shape.columns, labels.len() + y.len(), results];
        let sizes = sizes.map(|size| size.try_into().expect("a size in 32 bits"));
        let [rows, columns, second, results] = sizes;
        let sent = [function, calls, rows, columns, second, results]
            .iter()
            .try_for_each(|word: &u32| self.requests.write_all(&word.to_ne_bytes()))
            .and_then(|()| self.requests.write_all(bytes(x)))
            .and_then(|()| self.requests.write_all(bytes(labels)))
            .and_then(|()| self.requests.write_all(bytes(y)));
        sent.expect("its process listens");
    }

    fn answer(&mut self, answer: &mut [u8]) {
        self.answers.read_exact(answer).expect("its process answers");
    }
}

/// A number in 32 bits.
trait Word {}
impl Word for f32 {}
impl Word for u32 {}

fn bytes<T: Word>(x: &[T]) -> &[u8] {
    // SAFETY: these numbers have no padding, and bytes no alignment.
    unsafe { std::slice::from_raw_parts(x.as_ptr().cast(), size_of_val(x)) }
}

fn bytes_mut(x: &mut [f32]) -> &mut [u8] {
    // SAFETY: as above, and all bits are floats.
    unsafe { std::slice::from_raw_parts_mut(x.as_mut_ptr().cast(), size_of_val(x)) }
}
