//! Labels that are closed sets of ours.

/// Which listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerName {
    /// `[http] listen`
    Private,
    /// `[public] listen`
    Public,
    /// `[console] listen`
    Console,
}

impl ListenerName {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
            Self::Console => "console",
        }
    }
}

/// Why a connection was refused, or closed before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSeat {
    /// Its address has as many as one address may have.
    Address,
    /// All others are at work, and none can be closed for it.
    AllBusy,
    /// It had no request under way, and another one needed its seat.
    MadeRoom,
    /// The system gave none: most likely it has no descriptor left.
    NotAccepted,
}

impl NoSeat {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::AllBusy => "all_busy",
            Self::MadeRoom => "made_room",
            Self::NotAccepted => "not_accepted",
        }
    }
}

/// What was asked for. Paths are not labels: any client can make them up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicRoute {
    /// `/wechat/{app}`
    Callback,
    /// `/miniapp/login`
    Login,
    /// `/miniapp/subscriptions`
    Subscriptions,
    /// `/miniapp/send`
    Send,
    /// Anything else.
    Other,
}

impl PublicRoute {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::Login => "login",
            Self::Subscriptions => "subscriptions",
            Self::Send => "send",
            Self::Other => "other",
        }
    }
}
