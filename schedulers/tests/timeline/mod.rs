//! What stands in the file of a trace, read back.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::{self, Write},
    sync::{Arc, Mutex},
};

use serde_json::Value;

/// A file in memory.
#[derive(Clone, Default)]
pub struct File(Arc<Mutex<Vec<u8>>>);

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What stands in a file.
pub struct Trace {
    pub slices: Vec<Slice>,
    pub marks: Vec<(Lane, Value)>,
    pub arrows: Vec<Value>,
    pub whole: Value,
}

/// Which process (`gmp Ps` or `gmp Ms`), its number, and which lane.
pub type Lane = (String, u64, String);

#[derive(Clone, Debug)]
pub struct Slice {
    pub lane: Lane,
    pub name: String,
    pub since_ns: i64,
    pub until_ns: i64,
    /// Empty on an M's lane.
    pub why: String,
}

pub fn ns(event: &Value, field: &str) -> i64 {
    (event[field].as_f64().unwrap() * 1000.0).round() as i64
}

impl File {
    pub fn read(&self) -> Trace {
        let whole: Value = serde_json::from_slice(&self.0.lock().unwrap()).expect("a trace is JSON");
        let events = whole["traceEvents"].as_array().unwrap();
        let place = |event: &Value| (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap_or(0));
        let mut names = HashMap::new();
        for event in events.iter().filter(|event| event["ph"] == "M") {
            let name = event["args"]["name"].as_str().map(str::to_owned);
            match event["name"].as_str().unwrap() {
                "process_name" => names.insert((place(event).0, None), name.unwrap()),
                "thread_name" => names.insert((place(event).0, Some(place(event).1)), name.unwrap()),
                _ => None,
            };
        }
        let lane = |event: &Value| -> Lane {
            let (process, thread) = place(event);
            (names[&(process, None)].clone(), process, names[&(process, Some(thread))].clone())
        };
        let slice = |event: &Value| {
            let since_ns = ns(event, "ts");
            Slice {
                lane: lane(event),
                name: event["name"].as_str().unwrap().to_owned(),
                since_ns,
                until_ns: since_ns + ns(event, "dur"),
                why: event["args"]["why"].as_str().unwrap_or_default().to_owned(),
            }
        };
        let of = |ph: &'static str| events.iter().filter(move |event| event["ph"] == ph);
        let mut slices: Vec<_> = of("X").map(slice).collect();
        slices.sort_by_key(|slice| slice.since_ns);
        let marks = of("i").map(|event| (lane(event), event.clone())).collect();
        let arrows = of("s").chain(of("f")).cloned().collect();
        Trace { slices, marks, arrows, whole: whole.clone() }
    }
}

impl Trace {
    pub fn on_ps(&self) -> impl Iterator<Item = &Slice> {
        self.slices.iter().filter(|slice| slice.lane.0 == "gmp Ps")
    }

    /// Why each slice of the G ended, but for those ends that depend on how busy the machine is. One whose P was taken and that has ended without
    /// one has no slice that ends with that; it is as if it had.
    pub fn whys(&self, g: u64) -> Vec<&str> {
        let name = format!("G{g}");
        let mut whys: Vec<_> =
            self.on_ps().filter(|slice| slice.name == name).map(|slice| slice.why.as_str()).collect();
        if whys.last() == Some(&"retaken") {
            whys.push("ended");
        }
        whys.retain(|&why| why != "retaken" && why != "asked to yield");
        whys
    }

    pub fn marks(&self, name: &str) -> Vec<&Value> {
        self.marks.iter().map(|(_, mark)| mark).filter(|mark| mark["name"] == name).collect()
    }

    /// What holds for every trace.
    #[track_caller]
    pub fn check(&self) {
        let mut lanes = BTreeMap::<&Lane, &Slice>::new();
        for slice in &self.slices {
            assert!(slice.since_ns >= 0 && slice.until_ns >= slice.since_ns, "{slice:?}");
            if let Some(before) = lanes.insert(&slice.lane, slice) {
                assert!(before.until_ns <= slice.since_ns, "overlap: {before:?} {slice:?}");
            }
            // What stopped while the trace began may not have been seen to.
            assert!(slice.why != "unknown" || slice.since_ns == 0, "{slice:?}");
        }
        // An arrow begins in a slice and leads to where one begins.
        let begins: HashSet<_> = self.on_ps().map(|slice| slice.since_ns).collect();
        for arrow in &self.arrows {
            assert!(arrow["ph"] == "s" || begins.contains(&ns(arrow, "ts")), "{arrow}");
        }
    }
}
