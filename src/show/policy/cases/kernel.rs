//! The kernel's own programs as judge. They are loaded and run, never attached: no traffic is touched.

use super::{Answer, Bench};
use crate::show::policy::PolicyError;
use forebay_core::policy::table::{Answer as Said, Reason};
use forebay_core::policy::{
    Direction, End, Flow, Judge, Policies, Settings, Side, Table, Verdict, Who, Why, World,
};
use forebay_kernel::{Enforce, Question};
use std::net::{IpAddr, Ipv6Addr};

/// Where workloads without an address get one, since the kernel knows them by nothing else: the block
/// that routers discard.
const DISCARD: u128 = 0x0100 << 112;

/// The programs, and how they judge what the APIs leave open.
pub struct Kernel {
    enforce: Enforce,
    settings: Settings,
}

impl Kernel {
    /// Loads them.
    ///
    /// # Errors
    /// When this kernel can't, or we have no right to.
    pub fn load(settings: Settings) -> Result<Kernel, PolicyError> {
        let enforce = Enforce::load()?;
        Ok(Kernel { enforce, settings })
    }
}

impl Bench for Kernel {
    fn judge(
        &mut self,
        policies: &Policies,
        world: &World,
        flows: &[Flow<'_>],
    ) -> Result<Vec<Answer>, PolicyError> {
        let world = placed(world);
        let answers = world.host_answers();
        let judge = Judge::new(policies, &world, &answers, self.settings);
        let table = Table::compile(&judge, None);
        self.enforce.install(&table, &[])?;
        let mut questions = Vec::with_capacity(2 * flows.len());
        for flow in flows {
            questions.extend(question(&table, &world, flow, Direction::Egress));
            questions.extend(question(&table, &world, flow, Direction::Ingress));
        }
        let mut said = self.enforce.judge(&questions)?.into_iter();
        let both = flows.iter().map(|flow| {
            // Of anybody else the kernel has no subject: nothing would run there.
            let mut next = |end: &End<'_>| end.workload().and_then(|_| said.next());
            let egress = side(&table, Direction::Egress, next(&flow.from));
            let ingress = side(&table, Direction::Ingress, next(&flow.to));
            Answer {
                allowed: egress.allowed && ingress.allowed,
                verdict: Some(Verdict {
                    allowed: egress.allowed && ingress.allowed,
                    egress,
                    ingress,
                }),
            }
        });
        Ok(both.collect())
    }
}

/// The world with an address for every workload.
fn placed(world: &World) -> World {
    let mut world = world.clone();
    for (number, one) in world.workloads.iter_mut().enumerate() {
        if one.addresses.is_empty() && !one.host_network {
            one.addresses.push(unplaced(number));
        }
    }
    world
}

fn unplaced(number: usize) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from_bits(DISCARD + number as u128 + 1))
}

fn question(
    table: &Table,
    world: &World,
    flow: &Flow<'_>,
    direction: Direction,
) -> Option<Question> {
    let (subject, peer) = match direction {
        Direction::Egress => (flow.from, flow.to),
        Direction::Ingress => (flow.to, flow.from),
    };
    let one = subject.workload()?;
    let address = peer.address.or_else(|| address(world, peer.who));
    Some(Question {
        workload: table
            .workload(&one.namespace, &one.name)
            .unwrap_or_default(),
        direction,
        peer: address.unwrap_or_else(|| unplaced(world.workloads.len())),
        protocol: flow.protocol,
        port: flow.port,
    })
}

/// That of a workload which has none of its own in the files.
fn address(world: &World, who: Who<'_>) -> Option<IpAddr> {
    let Who::Workload(one) = who else { return None };
    let same = world.workload(&one.namespace, &one.name)?;
    same.addresses.first().copied()
}

fn side(table: &Table, direction: Direction, said: Option<Said>) -> Side {
    let reason = said.and_then(|said| table.reason(said.reason));
    Side {
        direction,
        allowed: said.is_none_or(|said| said.allowed),
        why: match reason {
            Some(Reason::Why(why)) => why,
            _ => Why::NotGoverned,
        },
        nearest: None,
    }
}
