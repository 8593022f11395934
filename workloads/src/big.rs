//! `big`: tasks that each ask another one, chosen at random, wait for its answer, and answer all who ask them.
//!
//! What it shows, what to expect and whose it is: see [`Big::INFO`](Workload::INFO), which the report prints.
//!
//! A task has one mailbox for questions and answers alike, with room for one of either from everybody and for the last
//! word of the main task, so no send ever waits. It asks, and receives until its answer is there; whoever asked it
//! meanwhile is answered at once. A task whose time is over (see [`Watch`](crate::watch::Watch)) tells the main task
//! and goes on to answer, until that has heard of all and sends the last word.
//!
//! The timed part begins with the first task over the [line](crate::start_line) and ends with the last answer that a
//! task was waiting for. The operations are the messages that those who ask know of, two for each answer they got; the
//! answer is what all together received. Each answer is one more than the question, and the one who asked checks it.

use std::time::{Duration, Instant};

use schedulers::model::{Async, Blocking, ForkJoin, Model};

use crate::{
    arithmetic::walk,
    fit,
    params::{ParamSpec, Params, WORKERS},
    start_line::{cross_async, cross_blocking, draw_async, draw_blocking, start_async, start_blocking},
    workload::{Body, Info, Metric, NotApplicable, Outcome, Takes, Workload},
};

/// See the [module](self).
#[derive(Clone, Copy)]
pub struct Big {
    tasks: usize,
}

impl Workload for Big {
    const INFO: Info = Info {
        name: "big",
        title: "Many to many",
        op: "message",
        model: Model::Blocking,
        metric: Metric::TimePerOp,
        shows: "What a message costs where everybody talks to everybody: no pair stays together, and mailboxes have \
                many senders.",
        expect: "On one worker all tasks are mostly runnable, a queue of them is worked off, and a task that runs \
                 finds several questions in its mailbox: a message is less than a switch. On two workers half of the \
                 messages go to a task of the other one; mailboxes and their locks move between the caches, so \
                 nobody becomes twice as fast. Threads do not gain from their number: the kernel switches for nearly \
                 each message.",
        origin: "Savina's big, which took it from BenchErl.",
        params: &[
            ParamSpec { name: "tasks", about: "tasks that ask each other", min: 2, max: 512, default: 64 },
            WORKERS,
        ],
        variants: &[&[("workers", 2)]],
        full: &[&[("tasks", 512)]],
        floor: false,
        item_ms: 0,
        round_factor: 1,
        takes: &[Takes { of: &[("tasks", 512)], timed_ms: 13, untimed_ms: 17 }],
    };

    fn new(params: &Params) -> Self {
        Big { tasks: usize::try_from(params["tasks"]).expect("the range allows 512") }
    }

    fn expected(&self, ops: u64) -> String {
        ops.to_string()
    }

    fn blocking<R: Blocking>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        fit::tasks(R::LIMITS, this.tasks)?;
        Ok(Box::new(move |contender, time| contender.run(move || this.blocking_slice::<R>(time))))
    }

    fn asynchronous<R: Async>(&self) -> Result<Body<R>, NotApplicable> {
        let this = *self;
        fit::tasks(R::LIMITS, this.tasks)?;
        Ok(Box::new(move |contender, time| contender.run(this.async_slice::<R>(time))))
    }

    fn fork_join<R: ForkJoin>(&self) -> Result<Body<R>, NotApplicable> {
        Err(NotApplicable("a task of a fork-join pool cannot wait for another without blocking its worker".to_owned()))
    }
}

/// What is in a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Question { from: usize, number: u64 },
    Answer(u64),
    LastWord,
}

/// What a task has to do after a message.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Answer {
        to: usize,
        answer: u64,
    },
    /// Its own question has been answered.
    Ask,
    End,
}

/// What a task counts.
struct Tally {
    own: usize,
    tasks: u64,
    /// Of its random numbers.
    state: u64,
    answered: u64,
    received: u64,
    wrong: u64,
    end: Instant,
}

impl Tally {
    fn begin(own: usize, tasks: usize) -> Self {
        let (state, tasks) = (own as u64, tasks as u64);
        Tally { own, tasks, state, answered: 0, received: 0, wrong: 0, end: Instant::now() }
    }

    /// One of the others, each as likely, and what to ask it.
    fn ask(&mut self) -> (usize, Message) {
        // The high half is the random one.
        self.state = walk(self.state, 1);
        let other = ((self.state >> 32) % (self.tasks - 1)) as usize;
        (other + usize::from(other >= self.own), Message::Question { from: self.own, number: self.answered })
    }

    fn received(&mut self, message: Message) -> Next {
        match message {
            Message::Question { from, number } => {
                self.received += 1;
                Next::Answer { to: from, answer: number + 1 }
            }
            Message::Answer(number) => {
                self.received += 1;
                self.wrong += u64::from(number != self.answered + 1);
                self.answered += 1;
                Next::Ask
            }
            Message::LastWord => Next::End,
        }
    }
}

const ALL_STAY: &str = "all stay until the last word";
const NO_QUESTION_IS_LEFT: &str = "the last word comes when nobody waits for an answer";

impl Big {
    /// The capacity of a mailbox: a question of each other task, an answer, the last word.
    fn room(self) -> usize {
        self.tasks + 1
    }

    fn blocking_slice<R: Blocking>(self, time: Duration) -> Outcome {
        let starter = draw_blocking::<R>(self.tasks, self.tasks, time);
        let (over, all_over) = R::channel::<()>(self.tasks);
        let (senders, mailboxes): (Vec<_>, Vec<_>) = (0..self.tasks).map(|_| R::channel(self.room())).unzip();
        let task = |(own, mailbox): (usize, R::Receiver<Message>)| {
            let (line, over, senders) = (starter.line.clone(), over.clone(), senders.clone());
            R::spawn(move || {
                let mut watch = cross_blocking::<R>(line);
                let mut tally = Tally::begin(own, senders.len());
                let send = |to: usize, message| R::send(&senders[to], message).expect(ALL_STAY);
                // Whether it goes on after that.
                let serve = |tally: &mut Tally| loop {
                    match tally.received(R::recv(&mailbox).expect(ALL_STAY)) {
                        Next::Answer { to, answer } => send(to, Message::Answer(answer)),
                        Next::Ask => return true,
                        Next::End => return false,
                    }
                };
                loop {
                    for _ in 0..watch.batch() {
                        let (to, question) = tally.ask();
                        send(to, question);
                        assert!(serve(&mut tally), "{NO_QUESTION_IS_LEFT}");
                    }
                    if watch.look() {
                        break;
                    }
                }
                tally.end = watch.last();
                R::send(&over, ()).expect(ALL_STAY);
                assert!(!serve(&mut tally), "{NO_QUESTION_IS_LEFT}");
                tally
            })
        };
        let tasks: Vec<_> = mailboxes.into_iter().enumerate().map(task).collect();
        let clock = start_blocking::<R>(starter);
        for _ in 0..self.tasks {
            R::recv(&all_over).expect(ALL_STAY);
        }
        for sender in &senders {
            R::send(sender, Message::LastWord).expect(ALL_STAY);
        }
        let tallies: Vec<_> = tasks.into_iter().map(R::join).collect();
        outcome(clock.wall(tallies.iter().map(|tally| tally.end)), &tallies)
    }

    async fn async_slice<R: Async>(self, time: Duration) -> Outcome {
        let starter = draw_async::<R>(self.tasks, self.tasks, time);
        let (over, mut all_over) = R::channel::<()>(self.tasks);
        let (senders, mailboxes): (Vec<_>, Vec<_>) = (0..self.tasks).map(|_| R::channel(self.room())).unzip();
        let task = |(own, mut mailbox): (usize, R::Receiver<Message>)| {
            let (line, over, senders) = (starter.line.clone(), over.clone(), senders.clone());
            R::spawn(async move {
                let mut watch = cross_async::<R>(line).await;
                let mut tally = Tally::begin(own, senders.len());
                // Whether it goes on after that.
                let mut serve = async |tally: &mut Tally| loop {
                    match tally.received(R::recv(&mut mailbox).await.expect(ALL_STAY)) {
                        Next::Answer { to, answer } => {
                            R::send(&senders[to], Message::Answer(answer)).await.expect(ALL_STAY);
                        }
                        Next::Ask => return true,
                        Next::End => return false,
                    }
                };
                loop {
                    for _ in 0..watch.batch() {
                        let (to, question) = tally.ask();
                        R::send(&senders[to], question).await.expect(ALL_STAY);
                        assert!(serve(&mut tally).await, "{NO_QUESTION_IS_LEFT}");
                    }
                    if watch.look() {
                        break;
                    }
                }
                tally.end = watch.last();
                R::send(&over, ()).await.expect(ALL_STAY);
                assert!(!serve(&mut tally).await, "{NO_QUESTION_IS_LEFT}");
                tally
            })
        };
        let tasks: Vec<_> = mailboxes.into_iter().enumerate().map(task).collect();
        let clock = start_async::<R>(starter).await;
        for _ in 0..self.tasks {
            R::recv(&mut all_over).await.expect(ALL_STAY);
        }
        for sender in &senders {
            R::send(sender, Message::LastWord).await.expect(ALL_STAY);
        }
        let mut tallies = Vec::with_capacity(self.tasks);
        for task in tasks {
            tallies.push(R::join(task).await);
        }
        outcome(clock.wall(tallies.iter().map(|tally| tally.end)), &tallies)
    }
}

fn outcome(wall: Duration, tallies: &[Tally]) -> Outcome {
    let total = |field: fn(&Tally) -> u64| tallies.iter().map(field).sum::<u64>();
    let received = total(|tally| tally.received);
    let answer = match total(|tally| tally.wrong) {
        0 => received.to_string(),
        wrong => format!("{received} with {wrong} wrong answers"),
    };
    Outcome { ops: 2 * total(|tally| tally.answered), wall, answer, samples: Vec::new(), bytes: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tallies() -> [Tally; 2] {
        [Tally::begin(0, 2), Tally::begin(1, 2)]
    }

    /// The first asks, the second answers, and what it answers becomes this.
    fn one_exchange(tallies: &mut [Tally; 2], on_its_way: impl Fn(u64) -> u64) {
        let (to, question) = tallies[0].ask();
        assert_eq!(to, 1);
        let Next::Answer { to: 0, answer } = tallies[1].received(question) else { panic!("a question is answered") };
        assert_eq!(tallies[0].received(Message::Answer(on_its_way(answer))), Next::Ask);
    }

    #[test]
    fn messages_that_were_lost_or_came_twice_are_noticed() {
        let answers = |tallies: &[Tally; 2]| {
            let outcome = outcome(Duration::from_millis(1), tallies);
            (outcome.answer, Big { tasks: 2 }.expected(outcome.ops))
        };
        let mut right = tallies();
        one_exchange(&mut right, |answer| answer);
        one_exchange(&mut right, |answer| answer);
        assert_eq!(answers(&right), ("4".to_owned(), "4".to_owned()));
        right[1].received(Message::Question { from: 0, number: 1 });
        assert_ne!(answers(&right).0, answers(&right).1);

        let mut wrong = tallies();
        one_exchange(&mut wrong, |answer| answer + 1);
        assert_ne!(answers(&wrong).0, answers(&wrong).1);
    }

    #[test]
    fn everybody_asks_each_of_the_others_and_never_itself() {
        for own in 0..5 {
            let mut tally = Tally::begin(own, 5);
            let mut asked = [0; 5];
            (0..1_000).for_each(|_| asked[tally.ask().0] += 1);
            assert_eq!(asked[own], 0);
            assert!(asked.iter().enumerate().all(|(other, times)| other == own || *times > 150), "{asked:?}");
        }
    }
}
