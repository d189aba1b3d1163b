// Writing requests down. See requests.hpp.
#include "pg/control/requests.hpp"

#include "pg/shared/wake.hpp"

namespace flowctl::pg::control {

std::string requested_already(const std::string& kind) {
    return "a " + kind + " of the run has been requested already";
}

std::string request(Spi& spi, const store::Request& request) {
    if (!store::insert_request(spi, request)) return requested_already(request.kind);
    wake::note_poke();
    return kDone;
}

}  // namespace flowctl::pg::control
