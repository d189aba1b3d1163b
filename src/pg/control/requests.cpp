// Writing requests down as the extension's owner. See requests.hpp.
#include "pg/control/requests.hpp"

#include "pg/server/acting_role.hpp"
#include "pg/shared/wake.hpp"
#include "pg/store/controls.hpp"

namespace flowctl::pg::control {

void request(const Stop& stop) {
    const AsExtensionOwner owner;
    Spi spi;
    store::insert_stop(spi, stop.run_id, stop.error, stop.cause, stop.requested_by);
    wake::note_poke();
}

}  // namespace flowctl::pg::control
