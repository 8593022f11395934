//! Histograms that were made to do harm: well packed, with the right lengths and checksum, and wrong inside.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use hdrhistogram::Histogram;
use proptest::prelude::*;
use reports::{
    histogram::{decode, empty, encode},
    record::{HIST_ENCODING, Hist},
};

/// The first word of HdrHistogram's V2 encoding when it is deflated.
const DEFLATED_COOKIE: u32 = 0x1c84_9314;
/// The bytes before the counts when it is inflated.
const HEADER_BYTES: usize = 40;

fn row(data: String) -> Hist {
    Hist {
        workload: "ping_pong".to_owned(),
        params: BTreeMap::new(),
        contender: "gmp".to_owned(),
        round: 0,
        kind: "wake".to_owned(),
        enc: HIST_ENCODING.to_owned(),
        data,
    }
}

fn sample() -> Histogram<u64> {
    let mut histogram = empty();
    for value in 1..5_000 {
        histogram.record(value * value).unwrap();
    }
    histogram
}

/// The V2 encoding of [`sample`], changed, and then deflated as it should be.
fn forged(change: impl FnOnce(&mut Vec<u8>)) -> Hist {
    let deflated = BASE64.decode(encode(&sample())).unwrap();
    let mut inflated = Vec::new();
    ZlibDecoder::new(&deflated[8..]).read_to_end(&mut inflated).unwrap();
    change(&mut inflated);
    let mut bytes = DEFLATED_COOKIE.to_be_bytes().to_vec();
    bytes.extend([0; 4]);
    let mut encoder = ZlibEncoder::new(bytes, Compression::best());
    encoder.write_all(&inflated).unwrap();
    let mut bytes = encoder.finish().unwrap();
    let length = u32::try_from(bytes.len() - 8).unwrap();
    bytes[4..8].copy_from_slice(&length.to_be_bytes());
    row(BASE64.encode(bytes))
}

#[test]
fn forging_changes_nothing_by_itself() {
    assert_eq!(decode(&forged(|_| {})).unwrap(), sample());
}

#[test]
fn data_that_inflates_to_gigabytes_is_refused_before_it_does() {
    let zeros = vec![0; 3 << 20];
    let mut bytes = DEFLATED_COOKIE.to_be_bytes().to_vec();
    bytes.extend([0; 4]);
    let mut encoder = ZlibEncoder::new(bytes, Compression::fast());
    for _ in 0..400 {
        encoder.write_all(&zeros).unwrap();
    }
    let mut bytes = encoder.finish().unwrap();
    let length = u32::try_from(bytes.len() - 8).unwrap();
    bytes[4..8].copy_from_slice(&length.to_be_bytes());
    let error = decode(&row(BASE64.encode(bytes))).unwrap_err();
    assert_eq!(error, "damaged data, expected a deflated V2 histogram");
}

#[test]
fn a_header_that_cannot_be_is_refused() {
    for (at, bytes) in [
        (0, &[0; 4][..]),    // the cookie
        (4, &[0xff; 4]),     // the length of the counts
        (8, &[0, 0, 0, 1]),  // the normalising offset
        (12, &[0, 0, 0, 9]), // significant digits
        (16, &[0; 8]),       // the lowest value
        (16, &[0xff; 8]),
        (24, &[0, 0, 0, 0, 0, 0, 0, 1]), // the highest value
        (32, &[0; 8]),                   // the ratio of a histogram of fractions
    ] {
        let row = forged(|inflated| inflated[at..at + bytes.len()].copy_from_slice(bytes));
        assert!(decode(&row).is_err(), "{at}");
    }
}

#[test]
fn more_counts_than_the_bounds_have_room_for_are_refused() {
    let row = forged(|inflated| {
        inflated.extend([2; 60_000]);
        let counts = u32::try_from(inflated.len() - HEADER_BYTES).unwrap();
        inflated[4..8].copy_from_slice(&counts.to_be_bytes());
    });
    assert!(decode(&row).unwrap_err().starts_with("no V2 histogram"));
}

proptest! {
    /// Whatever is in a histogram that is well packed, it is refused, or it can be used.
    #[test]
    fn a_forged_histogram_is_refused_or_can_be_used(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let forged = forged(|inflated| for (at, byte) in changes {
            let at = at.index(inflated.len().min(200));
            inflated[at] = byte;
        });
        if let Ok(histogram) = decode(&forged) {
            let mut pooled = empty();
            pooled.auto(true);
            prop_assert!(pooled.add(&histogram).is_ok());
            prop_assert!(histogram.mean().is_finite() && histogram.max() >= histogram.min());
            decode(&row(encode(&histogram))).unwrap();
        }
    }
}
