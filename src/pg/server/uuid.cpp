// UUIDs to and from text and the server's form. See uuid.hpp.
#include "pg/server/uuid.hpp"

namespace flowctl::pg {

std::string to_string(const Uuid& uuid) {
    static constexpr char kHex[] = "0123456789abcdef";
    std::string text;
    text.reserve(36);
    for (std::size_t i = 0; i < uuid.size(); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += kHex[uuid[i] >> 4];
        text += kHex[uuid[i] & 15];
    }
    return text;
}

Uuid uuid_from_text(const std::string& text) {
    const char* const plain = text.c_str();
    pg_uuid_t* uuid =
        guarded([plain] { return DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(plain))); });
    const Uuid copy = from_pg(uuid);
    pfree(uuid);  // there may be no transaction that it would go with
    return copy;
}

Uuid from_pg(const pg_uuid_t* uuid) {
    Uuid copy;
    std::memcpy(copy.data(), uuid->data, copy.size());
    return copy;
}

pg_uuid_t* to_pg(const Uuid& uuid) {
    auto* copy = guarded([] { return static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t))); });
    std::memcpy(copy->data, uuid.data(), uuid.size());
    return copy;
}

}  // namespace flowctl::pg
