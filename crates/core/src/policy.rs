//! Who may talk to whom: Kubernetes' NetworkPolicy v1 and ClusterNetworkPolicy v1alpha2, for any workload.
//!
//! [`read`] turns files into [`Policies`] and a [`World`] and says what is wrong in them; [`evaluate`]
//! judges a [`Flow`] and gives a [`Verdict`] with its reason. This is the reference: whatever enforces
//! must say the same of every flow. `docs/policy.md` lists every rule and every decision where the
//! APIs leave one open.

mod binding;
mod cidr;
pub mod compare;
mod domain;
mod ends;
pub mod evaluate;
mod flow;
mod model;
pub mod read;
mod selector;
pub mod suggest;
pub mod table;
pub mod traffic;
pub mod verdict;
mod world;

pub use binding::Binding;
pub use cidr::{Cidr, CidrError, unmapped};
pub use domain::{Answers, DomainPattern};
pub use ends::{UnknownEnd, ends};
pub use evaluate::{Judge, Settings};
pub use flow::{End, Flow, Protocol, Who};
pub use model::{
    Action, Api, Direction, Peer, Peers, Policies, Policy, PolicyName, PortMatch, Ports, Rule,
    Subject, Tier,
};
pub use selector::{Labels, Requirement, Selector};
pub use table::Table;
pub use verdict::{Missed, Nearest, RuleName, Side, Verdict, Why};
pub use world::{Host, NAME_LABEL, NamedPort, Namespace, Node, Workload, World};
