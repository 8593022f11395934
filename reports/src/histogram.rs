//! Histograms as the record holds them: HdrHistogram's V2 encoding, deflated, in base64.
//!
//! Decoding inflates the data here, before HdrHistogram's own decoder sees it: that checks zlib's checksum, so that a damaged row
//! is told from a strange one, and it bounds the memory that a damaged length can ask for.

use std::io::Read;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use flate2::read::ZlibDecoder;
use hdrhistogram::{
    Histogram,
    serialization::{Deserializer, Serializer, V2DeflateSerializer},
};

use crate::record::{HIST_ENCODING, Hist};

/// The longest latency that a histogram holds, in nanoseconds: 60 s.
pub const HIGHEST_NS: u64 = 60_000_000_000;

/// The first word of HdrHistogram's V2 encoding when it is deflated.
const DEFLATED_COOKIE: u32 = 0x1c84_9314;
/// The bytes before the counts in the V2 encoding when it is inflated; the second word is the length of what follows.
const HEADER_BYTES: usize = 40;
/// More than any histogram of 5 digits over all 64 bits takes when inflated.
const LONGEST_INFLATED: u64 = 64 << 20;

/// An empty histogram of nanoseconds as the record defines it: 1 ns to [`HIGHEST_NS`], 3 significant digits.
pub fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, HIGHEST_NS, 3).expect("the bounds are in order")
}

/// The text for [`Hist::data`], in the encoding [`HIST_ENCODING`].
pub fn encode(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(histogram, &mut bytes)
        .expect("counts of a run are far below 2^63, and a Vec takes all bytes");
    BASE64.encode(bytes)
}

/// The histogram of a row.
///
/// # Errors
/// An encoding other than [`HIST_ENCODING`], or data that is damaged, in a phrase.
pub fn decode(row: &Hist) -> Result<Histogram<u64>, String> {
    if row.enc != HIST_ENCODING {
        return Err(format!("unknown encoding '{}', expected {HIST_ENCODING}", row.enc));
    }
    let bytes = BASE64.decode(&row.data).map_err(|error| format!("damaged base64: {error}"))?;
    let inflated = inflate(&bytes).ok_or("damaged data, expected a deflated V2 histogram")?;
    Deserializer::new().deserialize(&mut inflated.as_slice()).map_err(|error| format!("no V2 histogram: {error}"))
}

/// The V2 encoding inside of the deflated one, if it is whole.
fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let word = |bytes: &[u8], at: usize| Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
    if word(bytes, 0)? != DEFLATED_COOKIE || word(bytes, 4)? as usize != bytes.len() - 8 {
        return None;
    }
    let mut inflated = Vec::new();
    ZlibDecoder::new(&bytes[8..]).take(LONGEST_INFLATED).read_to_end(&mut inflated).ok()?;
    (word(&inflated, 4)? as usize + HEADER_BYTES == inflated.len()).then_some(inflated)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

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

    #[test]
    fn what_was_encoded_is_decoded() {
        assert_eq!(decode(&row(encode(&sample()))).unwrap(), sample());
        assert_eq!(decode(&row(encode(&empty()))).unwrap(), empty());
    }

    #[test]
    fn other_encodings_are_refused_by_name() {
        let row = Hist { enc: "gzip".to_owned(), ..row(String::new()) };
        assert_eq!(decode(&row).unwrap_err(), "unknown encoding 'gzip', expected HdrV2Deflate-base64");
    }

    proptest! {
        /// One byte that flips, anywhere, is noticed, and nothing panics or eats the memory.
        #[test]
        fn damage_is_noticed(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
            let mut bytes = BASE64.decode(encode(&sample())).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            if let Ok(histogram) = decode(&row(BASE64.encode(bytes))) {
                // zlib's header has bits (the compression level) that change nothing.
                prop_assert_eq!(at, 9);
                prop_assert_eq!(histogram, sample());
            }
        }

        #[test]
        fn a_cut_is_noticed(at in any::<prop::sample::Index>()) {
            let data = encode(&sample());
            prop_assert!(decode(&row(data[..at.index(data.len())].to_owned())).is_err());
        }
    }
}
