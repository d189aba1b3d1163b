// See arn_space.hpp.
#include "pg/server/arn_space.hpp"

#include "pg/server/bridge.hpp"
#include "pg/server/guc.hpp"

namespace flowctl::pg {

namespace {

// A database cannot get another name while somebody is connected to it.
const std::string& database_name() {
    static const std::string name(guarded([] { return get_database_name(MyDatabaseId); }));
    return name;
}

}  // namespace

machine::ArnSpace arn_space() {
    const std::string account = guc::arn_account;
    return {guc::arn_partition, guc::arn_region,
            account.empty() ? machine::as_arn_part(database_name()) : account};
}

}  // namespace flowctl::pg
