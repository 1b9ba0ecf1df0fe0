//! What a world saw, to prove that it was rough.

/// How often each kind of trouble has happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) sends: u64,
    pub(crate) retries: u64,
    pub(crate) in_doubt: u64,
    pub(crate) crashes: u64,
    pub(crate) rebalances: u64,
    pub(crate) lost: u64,
    pub(crate) publish_failures: u64,
    pub(crate) pauses: u64,
    pub(crate) expired: u64,
    pub(crate) drains: u64,
    pub(crate) store_outages: u64,
    pub(crate) claims_in_doubt: u64,
    pub(crate) duplicates: u64,
    pub(crate) unknown: u64,
    pub(crate) pauses_of_apps: u64,
    pub(crate) pauses_of_logins: u64,
    pub(crate) others_places: u64,
    pub(crate) quotas_found_by_trial: u64,
    pub(crate) bursts: u64,
    pub(crate) waves: u64,
    pub(crate) refusals_doubted: u64,
    pub(crate) rule_changes: u64,
    pub(crate) deaths_in_mid_step: u64,
    pub(crate) freezes: u64,
    pub(crate) standstills: u64,
    pub(crate) claims_without_grant: u64,
    pub(crate) races_for_a_grant: u64,
    pub(crate) rejects_in_mid_flight: u64,
    pub(crate) reports_told_again: u64,
    pub(crate) malformed_reports: u64,
    pub(crate) grants_set_aside: u64,
    pub(crate) refusals_for_want_of_permission: u64,
    pub(crate) exchanges: u64,
    pub(crate) codes_swallowed: u64,
    pub(crate) codes_lost: u64,
    pub(crate) users_recalled: u64,
    pub(crate) set_aside: u64,
    pub(crate) gone: u64,
    pub(crate) shares: u64,
    pub(crate) swept: u64,
    pub(crate) claims_of_others_taken_over: u64,
    pub(crate) ends_too_late: u64,
    pub(crate) holds: u64,
    pub(crate) stopped_by_persons: u64,
}

impl Seen {
    pub(crate) fn add(&mut self, other: &Self) {
        self.sends += other.sends;
        self.retries += other.retries;
        self.in_doubt += other.in_doubt;
        self.crashes += other.crashes;
        self.rebalances += other.rebalances;
        self.lost += other.lost;
        self.publish_failures += other.publish_failures;
        self.pauses += other.pauses;
        self.expired += other.expired;
        self.drains += other.drains;
        self.store_outages += other.store_outages;
        self.claims_in_doubt += other.claims_in_doubt;
        self.duplicates += other.duplicates;
        self.unknown += other.unknown;
        self.pauses_of_apps += other.pauses_of_apps;
        self.pauses_of_logins += other.pauses_of_logins;
        self.others_places += other.others_places;
        self.quotas_found_by_trial += other.quotas_found_by_trial;
        self.bursts += other.bursts;
        self.waves += other.waves;
        self.refusals_doubted += other.refusals_doubted;
        self.rule_changes += other.rule_changes;
        self.deaths_in_mid_step += other.deaths_in_mid_step;
        self.freezes += other.freezes;
        self.standstills += other.standstills;
        self.claims_without_grant += other.claims_without_grant;
        self.races_for_a_grant += other.races_for_a_grant;
        self.rejects_in_mid_flight += other.rejects_in_mid_flight;
        self.reports_told_again += other.reports_told_again;
        self.malformed_reports += other.malformed_reports;
        self.grants_set_aside += other.grants_set_aside;
        self.refusals_for_want_of_permission += other.refusals_for_want_of_permission;
        self.exchanges += other.exchanges;
        self.codes_swallowed += other.codes_swallowed;
        self.codes_lost += other.codes_lost;
        self.users_recalled += other.users_recalled;
        self.set_aside += other.set_aside;
        self.gone += other.gone;
        self.shares += other.shares;
        self.swept += other.swept;
        self.claims_of_others_taken_over += other.claims_of_others_taken_over;
        self.ends_too_late += other.ends_too_late;
        self.holds += other.holds;
        self.stopped_by_persons += other.stopped_by_persons;
    }
}
