//! Which questions are asked, and in which order.

use crate::args::Args;
use crate::goals::Aim;
use crate::network::{LAN, LOOPBACK};
use crate::question::Question;
use crate::work::Work;

/// Everything that was asked for, by network, work and connections.
pub fn questions(args: &Args, aims: &[Aim]) -> Vec<Question> {
    let networks = [LOOPBACK, LAN].into_iter();
    let networks = networks.filter(|network| args.is_over(network));
    let all = networks.flat_map(|network| {
        let works = Work::all(args.sizes()).into_iter();
        works.flat_map(move |work| {
            let connections = args.connections(network).iter();
            connections.map(move |connections| Question {
                network,
                work,
                connections: *connections,
            })
        })
    });
    all.filter(|question| !args.goals || aims.iter().any(|aim| aim.asks(*question)))
        .collect()
}

/// Whether a subject of this name was asked for.
pub fn is_chosen(subject: &str, args: &Args, aims: &[Aim]) -> bool {
    args.is_chosen(subject) && (!args.goals || aims.iter().any(|aim| aim.is_about(subject)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]
mod tests {
    use super::*;
    use crate::component::Setup;
    use crate::goals;
    use xtask::host::Kind;
    use xtask::metadata_store::MetadataStore;
    use xtask::wasi::Chosen;

    #[test]
    fn everything_is_asked_on_loopback_and_over_the_lan() {
        let questions = questions(&Args::of(&[]), &[]);

        let over = |network| {
            let over = questions.iter().filter(|asked| asked.network == network);
            over.count()
        };
        // Five sizes, a 304, a part and an unknown path.
        assert_eq!((over(LOOPBACK), over(LAN)), (8 * 2, 8));
    }

    #[test]
    fn for_the_goals_no_more_is_asked_than_they_are_judged_by() {
        let aims = goals::aims(Kind::Spin, Chosen::V0_2);
        let args = Args::of(&["--goals"]);

        let questions = questions(&args, &aims);

        let asked = |network, work, connections| {
            questions.contains(&Question {
                network,
                work,
                connections,
            })
        };
        assert!(asked(LAN, Work::Whole(10_000), 1));
        assert!(!asked(LAN, Work::Whole(50_000_000), 1));
        assert!(asked(LOOPBACK, Work::UnknownPath, 16));
        assert!(!asked(LOOPBACK, Work::Part, 16));
        let component = Setup::with(Kind::Spin, MetadataStore::KeyValue);
        assert!(is_chosen(&component.to_string(), &args, &aims));
        assert!(!is_chosen("s3-proxy", &args, &aims));
    }
}
