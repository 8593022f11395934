//! Events, in their order, become slices.
//!
//! A lane has one open slice at most, and whatever follows it there closes it: so slices of a lane never overlap, and none stays open, also if events were
//! lost. A P's lane begins with what the P executed when the trace began; if that is not known, with the first slice whose end is seen.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use super::{
    Summary,
    json::{Detail, Json, Lane},
    trail::{Event, What, Why},
};

/// All runtimes' lanes, and the file.
pub(super) struct Timeline<W: Write> {
    json: Json<W>,
    origin_ns: u64,
    runtimes: HashMap<u32, Lanes>,
}

/// One runtime's.
struct Lanes {
    number: u64,
    ps: HashMap<u32, PLane>,
    ms: HashMap<u32, MLane>,
    /// Gs that were made runnable, where and when.
    readied: HashMap<u64, (Lane, u64)>,
    has_outside: bool,
}

/// What a P's lane shows.
struct PLane {
    lane: Lane,
    open: Option<Executes>,
    /// Nothing has happened here since the trace began.
    untouched: bool,
}

struct Executes {
    g: u64,
    m: u32,
    since_ns: u64,
    /// Who made the G runnable.
    readied: Option<(Lane, u64)>,
}

/// What an M's lane shows.
struct MLane {
    lane: Lane,
    open: Option<(Does, u64)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Does {
    Holds(u32),
    Blocks(u64),
    LostItsP(u64),
    Parked,
}

/// Lanes that a process may have. There are 65,536 Ps at most; the 100,000th M in the life of a runtime shares a lane.
const LANES: u64 = 100_000;
/// The lane for what no P does: the last one.
const OUTSIDE: u64 = LANES - 1;

impl<W: Write> Timeline<W> {
    pub(super) fn begin(writer: W, origin_ns: u64) -> io::Result<Self> {
        Ok(Timeline { json: Json::begin(writer, origin_ns)?, origin_ns, runtimes: HashMap::new() })
    }

    /// The next event.
    pub(super) fn add(&mut self, Event { at_ns: at, runtime, what }: Event) -> io::Result<()> {
        let Timeline { json, origin_ns, runtimes } = self;
        let lanes = match runtimes.entry(runtime) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(Lanes::begin(json, u64::from(runtime))?),
        };
        match what {
            What::Is { m, p, g } => {
                if let (Some(p), Some(g)) = (p, g) {
                    lanes.p(json, p)?.open = Some(Executes { g, m, since_ns: at, readied: None });
                }
                let does = p.map(Does::Holds).or(g.map(Does::Blocks)).unwrap_or(Does::Parked);
                lanes.m(json, m)?.turn(json, at, Some(does))
            }
            What::Starts { g, p, m } => {
                let readied = lanes.readied.remove(&g);
                let p = lanes.p(json, p)?;
                p.close(json, at, "unknown")?;
                p.open = Some(Executes { g, m, since_ns: at, readied });
                Ok(())
            }
            What::Stops { g, p, m, why } => lanes.p(json, p)?.stop(json, (*origin_ns, at), (g, m), why.text()),
            What::Spawns { g, p } => {
                let lane = match p {
                    Some(p) => lanes.p(json, p)?.lane,
                    None => lanes.outside(json)?,
                };
                json.mark(lane, "spawn", at, &[("g", Detail::Named('G', g))])
            }
            What::Readies { g, p } => {
                let p = lanes.p(json, p)?;
                if p.open.is_some() {
                    let from = (p.lane, at);
                    lanes.readied.insert(g, from);
                }
                Ok(())
            }
            What::Steals { p, from, count } => {
                let details = [("from", Detail::Named('P', from.into())), ("gs", Detail::Number(count.into()))];
                let lane = lanes.p(json, p)?.lane;
                json.mark(lane, "steal", at, &details)
            }
            What::Retakes { p, m } => {
                let p_lane = lanes.p(json, p)?;
                json.mark(p_lane.lane, "retake", at, &[("from", Detail::Named('M', m.into()))])?;
                let g = p_lane.open.as_ref().map(|executes| executes.g);
                p_lane.close(json, at, "retaken")?;
                let m = lanes.m(json, m)?;
                // If it is quick, it has another P already.
                match m.open {
                    Some((Does::Holds(held), _)) if held != p => Ok(()),
                    _ => m.turn(json, at, g.map(Does::LostItsP)),
                }
            }
            What::HandsOff { g, p, m } => {
                let p = lanes.p(json, p)?;
                json.mark(p.lane, "hand-off", at, &[("g", Detail::Named('G', g))])?;
                p.stop(json, (*origin_ns, at), (g, m), "blocking call")?;
                lanes.m(json, m)?.turn(json, at, Some(Does::Blocks(g)))
            }
            What::Attaches { p, m } => {
                lanes.p(json, p)?.close(json, at, "unknown")?;
                lanes.m(json, m)?.turn(json, at, Some(Does::Holds(p)))
            }
            What::Idles { p, m } => {
                lanes.p(json, p)?.close(json, at, "unknown")?;
                lanes.m(json, m)?.turn(json, at, None)
            }
            What::Parks { m } => lanes.m(json, m)?.turn(json, at, Some(Does::Parked)),
            What::Wakes { m, new } => {
                let lane = lanes.m(json, m)?.lane;
                json.mark(lane, if new { "start" } else { "wake" }, at, &[])
            }
            What::Ends { m } => lanes.m(json, m)?.turn(json, at, None),
        }
    }

    /// Closes what is open, and the file.
    pub(super) fn end(mut self, at: u64, summary: Summary) -> io::Result<()> {
        let json = &mut self.json;
        for lanes in self.runtimes.values_mut() {
            lanes.ps.values_mut().try_for_each(|p| p.close(json, at, "trace stopped"))?;
            lanes.ms.values_mut().try_for_each(|m| m.turn(json, at, None))?;
        }
        self.json.end(&[("events", summary.events), ("dropped_events", summary.dropped)])
    }
}

fn lane(process: u64, place: u64) -> Lane {
    Lane { process, thread: process * LANES + place % LANES }
}

impl Lanes {
    /// The runtime's two processes.
    fn begin<W: Write>(json: &mut Json<W>, number: u64) -> io::Result<Self> {
        let lanes =
            Lanes { number, ps: HashMap::new(), ms: HashMap::new(), readied: HashMap::new(), has_outside: false };
        json.name_process(lanes.of_ps(), "gmp Ps", format_args!("runtime {number}"))?;
        json.name_process(lanes.of_ms(), "gmp Ms", format_args!("runtime {number}"))?;
        Ok(lanes)
    }

    fn of_ps(&self) -> u64 {
        2 * self.number - 1
    }

    fn of_ms(&self) -> u64 {
        2 * self.number
    }

    fn p<W: Write>(&mut self, json: &mut Json<W>, id: u32) -> io::Result<&mut PLane> {
        let lane = lane(self.of_ps(), id.into());
        if !self.ps.contains_key(&id) {
            json.name_lane(lane, format_args!("P{id}"))?;
        }
        Ok(self.ps.entry(id).or_insert(PLane { lane, open: None, untouched: true }))
    }

    fn m<W: Write>(&mut self, json: &mut Json<W>, id: u32) -> io::Result<&mut MLane> {
        let lane = lane(self.of_ms(), id.into());
        if !self.ms.contains_key(&id) {
            json.name_lane(lane, format_args!("M{id}"))?;
        }
        Ok(self.ms.entry(id).or_insert(MLane { lane, open: None }))
    }

    fn outside<W: Write>(&mut self, json: &mut Json<W>) -> io::Result<Lane> {
        let lane = lane(self.of_ps(), OUTSIDE);
        if !std::mem::replace(&mut self.has_outside, true) {
            json.name_lane(lane, format_args!("outside"))?;
        }
        Ok(lane)
    }
}

impl PLane {
    /// `g`, as is known for certain, stops.
    fn stop<W: Write>(
        &mut self,
        json: &mut Json<W>,
        (origin_ns, at): (u64, u64),
        (g, m): (u64, u32),
        why: &'static str,
    ) -> io::Result<()> {
        match &mut self.open {
            // The trace began in between: what was seen first is what had stopped by then.
            Some(executes) if self.untouched => executes.g = g,
            None if self.untouched => self.open = Some(Executes { g, m, since_ns: origin_ns, readied: None }),
            Some(executes) if executes.g != g => return self.close(json, at, "unknown"),
            _ => {}
        }
        self.close(json, at, why)
    }

    fn close<W: Write>(&mut self, json: &mut Json<W>, at: u64, why: &'static str) -> io::Result<()> {
        self.untouched = false;
        let Some(Executes { g, m, since_ns, readied }) = self.open.take() else { return Ok(()) };
        let details = [("why", Detail::Text(why)), ("m", Detail::Named('M', m.into()))];
        json.slice(self.lane, format_args!("G{g}"), (since_ns, at), &details)?;
        match readied {
            Some(from) => json.arrow(from, (self.lane, since_ns)),
            None => Ok(()),
        }
    }
}

impl MLane {
    /// From now on it does this.
    fn turn<W: Write>(&mut self, json: &mut Json<W>, at: u64, does: Option<Does>) -> io::Result<()> {
        if let Some((did, since_ns)) = std::mem::replace(&mut self.open, does.map(|does| (does, at))) {
            let (lane, span) = (self.lane, (since_ns, at));
            match did {
                Does::Holds(p) => json.slice(lane, format_args!("P{p}"), span, &[])?,
                Does::Blocks(g) => json.slice(lane, format_args!("G{g} blocks"), span, &[])?,
                Does::LostItsP(g) => json.slice(lane, format_args!("G{g} lost its P"), span, &[])?,
                Does::Parked => json.slice(lane, format_args!("parked"), span, &[])?,
            }
        }
        Ok(())
    }
}

impl Why {
    fn text(self) -> &'static str {
        match self {
            Why::Parks(reason) => reason.as_str(),
            Why::Yields => "yield",
            Why::Asked => "asked to yield",
            Why::Ended => "ended",
        }
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use crate::gmp::wait_reason::WaitReason;

    /// What the lanes show of `events`, a line each: lane, name, from, to, and why.
    fn shown(events: &[(u64, What)]) -> Vec<String> {
        let mut file = Vec::new();
        let mut timeline = Timeline::begin(&mut file, 1000).unwrap();
        events.iter().for_each(|&(at, what)| timeline.add(Event { at_ns: 1000 + at, runtime: 1, what }).unwrap());
        timeline.end(1100, Summary::default()).unwrap();
        let file: serde_json::Value = serde_json::from_slice(&file).unwrap();
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned).unwrap_or_default();
        let slice = |event: &serde_json::Value| {
            let lane = if event["pid"] == 1 { 'P' } else { 'M' };
            let ns = |field: &str| (event[field].as_f64().unwrap() * 1000.0).round() as u64;
            let (since, id) = (ns("ts"), event["tid"].as_u64().unwrap() % LANES);
            let line = format!(
                "{lane}{id} {} {since} {} {}",
                text(&event["name"]),
                since + ns("dur"),
                text(&event["args"]["why"])
            );
            (since, line.trim_end().to_owned())
        };
        let events = file["traceEvents"].as_array().unwrap();
        let mut slices: Vec<_> = events.iter().filter(|event| event["ph"] == "X").map(slice).collect();
        slices.sort();
        slices.into_iter().map(|(_, line)| line).collect()
    }

    const PARKS: Why = Why::Parks(WaitReason::Sleep);

    #[test]
    fn what_executes_at_the_beginning_and_at_the_end_has_slices() {
        let executes = What::Is { m: 0, p: Some(0), g: Some(7) };
        assert_eq!(shown(&[(0, executes)]), ["M0 P0 0 100", "P0 G7 0 100 trace stopped"]);
        let events = [
            (0, executes),
            (0, What::Is { m: 1, p: None, g: Some(8) }),
            (0, What::Is { m: 2, p: None, g: None }),
            (30, What::Stops { g: 7, p: 0, m: 0, why: PARKS }),
            (40, What::Starts { g: 9, p: 0, m: 0 }),
        ];
        let slices =
            ["M0 P0 0 100", "M1 G8 blocks 0 100", "M2 parked 0 100", "P0 G7 0 30 sleep", "P0 G9 40 100 trace stopped"];
        assert_eq!(shown(&events), slices);
    }

    #[test]
    fn what_changed_while_the_trace_began_is_corrected_by_the_first_end_that_is_seen() {
        let ends = What::Stops { g: 8, p: 0, m: 1, why: Why::Ended };
        assert_eq!(shown(&[(20, ends)]), ["P0 G8 0 20 ended"]);
        let executes = What::Is { m: 0, p: Some(0), g: Some(7) };
        assert_eq!(shown(&[(0, executes), (20, ends)]), ["M0 P0 0 100", "P0 G8 0 20 ended"]);
        let starts = What::Starts { g: 8, p: 0, m: 0 };
        let slices = ["M0 P0 0 100", "P0 G7 0 10 unknown", "P0 G8 10 20 ended"];
        assert_eq!(shown(&[(0, executes), (10, starts), (20, ends)]), slices);
    }

    #[test]
    fn lost_events_leave_no_slice_open_and_none_overlaps() {
        let starts = |g| What::Starts { g, p: 0, m: 0 };
        let stops = |g| What::Stops { g, p: 0, m: 0, why: Why::Yields };
        let events =
            [(10, starts(1)), (20, starts(2)), (30, stops(2)), (40, stops(3)), (50, starts(4)), (60, stops(5))];
        assert_eq!(shown(&events), ["P0 G1 10 20 unknown", "P0 G2 20 30 yield", "P0 G4 50 60 unknown"]);
    }

    #[test]
    fn an_m_that_is_quick_to_get_another_p_keeps_it() {
        let events = [
            (10, What::Attaches { p: 0, m: 0 }),
            (10, What::Starts { g: 1, p: 0, m: 0 }),
            (50, What::Attaches { p: 1, m: 0 }),
            (50, What::Starts { g: 1, p: 1, m: 0 }),
            (55, What::Retakes { p: 0, m: 0 }), // Seen later than what it led to.
            (60, What::Stops { g: 1, p: 1, m: 0, why: Why::Asked }),
        ];
        let slices = ["M0 P0 10 50", "P0 G1 10 55 retaken", "M0 P1 50 100", "P1 G1 50 60 asked to yield"];
        assert_eq!(shown(&events), slices);
    }

    #[test]
    fn every_reason_can_stand_in_json_as_it_is() {
        let reasons = (1..).map_while(WaitReason::from_number).map(WaitReason::as_str);
        assert!(reasons.clone().count() > 10);
        reasons.for_each(|reason| assert!(reason.chars().all(|c| c.is_ascii_alphabetic() || c == ' '), "{reason}"));
    }
}
