//! `GMP_DEBUG`: a program with the variable set prints Go's lines to standard error, and one with a wrong one runs all the same.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use schedulers::gmp::{self, Runtime};

/// The program that the others run with the variable set: first nothing happens, then much does, each until it is told to go on.
#[test]
fn a_program_rests_and_works() {
    // SAFETY: nothing here keeps a reference into a thread-local, or a guard, across a call to gmp.
    let runtime = unsafe { Runtime::builder().procs(2).build() }.unwrap();
    let is_told = std::env::var_os("GMP_DEBUG").is_some();
    let told_so_often = move |times| match is_told {
        true => std::io::stdin().take(times).read_to_end(&mut Vec::new()).unwrap(),
        false => 0,
    };
    told_so_often(1);
    let done = AtomicBool::new(false);
    let count = runtime.run(|| {
        gmp::scope(|scope| {
            let (sender, receiver) = gmp::channel::<()>(0);
            let waits = scope.spawn(move || receiver.iter().count());
            let blocks = scope.spawn(|| gmp::block_in_place(|| told_so_often(3)));
            let hog = scope.spawn(|| {
                while !done.load(Relaxed) {
                    std::hint::spin_loop();
                }
            });
            gmp::time::sleep(Duration::from_millis(10));
            blocks.join().unwrap();
            done.store(true, Relaxed);
            drop((hog.join().unwrap(), sender));
            waits.join().unwrap()
        })
    });
    assert_eq!(count, 0);
}

/// What the program prints to standard error. It is told to go on when it has printed a line that has the first of `marks` in it, and again
/// when it has printed those with the others, one after the other, or when a minute is over.
fn lines(variable: &str, marks: &[&str]) -> Vec<String> {
    let begin = Instant::now();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_program_rests_and_works", "--nocapture"]).env("GMP_DEBUG", variable);
    let mut program = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = program.stdin.take();
    let mut marks = marks.iter().peekable();
    let mut lines = Vec::new();
    stdin = stdin.filter(|_| marks.peek().is_some());
    for line in BufReader::new(program.stderr.take().unwrap()).lines().map(Result::unwrap) {
        if let Some(pipe) = &mut stdin
            && marks.next_if(|mark| line.contains(**mark)).is_some()
        {
            pipe.write_all(b".").unwrap();
        }
        stdin = stdin.filter(|_| begin.elapsed() < Duration::from_secs(60));
        lines.push(line);
    }
    assert!(program.wait().unwrap().success(), "{lines:?}");
    lines
}

/// Whether `line` is `pattern`, in which `#` stands for a number, and `?` for a number or `nil`.
fn is(line: &str, pattern: &str) -> bool {
    let Some(place) = pattern.find(['#', '?']) else { return line == pattern };
    let (before, wild) = pattern.split_at(place);
    let (wild, after) = wild.split_at(1);
    let Some(rest) = line.strip_prefix(before) else { return false };
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    match (digits, rest.strip_prefix("nil")) {
        (0, Some(rest)) => wild == "?" && is(rest, after),
        (0, None) => false,
        _ => is(&rest[digits..], after),
    }
}

const LINE: &str =
    "SCHED #ms: gomaxprocs=2 idleprocs=# threads=# spinningthreads=# needspinning=0 idlethreads=# runqueue=#";

fn milliseconds(line: &str) -> u64 {
    line.strip_prefix("SCHED ").unwrap().split_once("ms:").unwrap().0.parse().unwrap()
}

#[test]
fn a_line_is_printed_every_so_many_milliseconds_though_nothing_happens() {
    let begin = Instant::now();
    let lines = lines("schedtrace=10", &[" idleprocs=2 ", "SCHED ", "SCHED ", "SCHED "]);
    let all_ms = u64::try_from(begin.elapsed().as_millis()).unwrap();
    let pattern = format!("{LINE} [ # # ] schedticks=[ # # ]");
    lines.iter().for_each(|line| assert!(is(line, &pattern), "{line:?}"));
    let times: Vec<_> = lines.iter().map(|line| milliseconds(line)).collect();
    assert_eq!(times[0], 0);
    assert!(times.windows(2).all(|pair| pair[1] >= pair[0] + 10), "{times:?}");
    assert!(times.iter().all(|&ms| ms <= all_ms), "{times:?}");
    assert!(lines.iter().any(|line| line.contains(" idleprocs=2 ")), "{lines:?}");
}

#[test]
fn details_tell_of_each_p_m_and_g() {
    let mut lines =
        lines("scheddetail=1,schedtrace=5", &[" idleprocs=2 ", "status=4(chan receive)", "status=3(", "SCHED "]);
    // The process may end while the last ones are being written.
    let whole = lines.iter().rposition(|line| line.starts_with("SCHED ")).unwrap();
    lines.truncate(whole);
    let detailed = format!("{LINE} gcwaiting=false nmidlelocked=0 stopwait=0 sysmonwait=false");
    let p = "  P#: status=# schedtick=# syscalltick=# m=? runqsize=# gfreecnt=0 timerslen=0";
    let m = |flags| format!("  M#: p=? curg=? mallocing=0 throwing=0 preemptoff= locks=0 dying=0 {flags} lockedg=nil");
    let flags = ["spinning=false blocked=false", "spinning=true blocked=false", "spinning=false blocked=true"];
    let count = |pattern: &str| lines.iter().filter(|line| is(line, pattern)).count();
    let ms: usize = flags.iter().map(|flags| count(&m(flags))).sum();
    let states = ["1()", "2()", "3()", "4(chan receive)", "4(sleep)", "4(join)", "4(scope)"];
    let gs = states.map(|state| count(&format!("  G#: status={state} m=? lockedm=nil")));
    assert!(count(&detailed) > 0);
    assert_eq!(count(p), 2 * count(&detailed), "{lines:#?}");
    assert_eq!(count(&detailed) + count(p) + ms + gs.iter().sum::<usize>(), lines.len(), "{lines:#?}");
    // In a blocking call, and waiting for the channel, for long; whoever executes has an M.
    assert!(gs[2] > 0 && gs[3] > 0, "{gs:?}");
    assert_eq!(count("  G#: status=4(chan receive) m=nil lockedm=nil"), gs[3]);
}

#[test]
fn what_is_wrong_with_the_variable_is_said_in_a_line_and_the_program_runs() {
    assert_eq!(lines("", &[]), [""; 0]);
    assert_eq!(lines("schedtrace=0", &[]), [""; 0]);
    assert_eq!(
        lines("schedtrace=x", &[]),
        ["gmp: GMP_DEBUG: schedtrace=x: expected milliseconds, from 0 to 4294967295"]
    );
    assert_eq!(lines("sched=1", &[]), ["gmp: GMP_DEBUG: sched: unknown; there are schedtrace and scheddetail"]);
}
