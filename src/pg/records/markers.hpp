// Markers: what stands where a payload stood that was redacted.
//
// A marker is the text {"redacted": "<hash>"}, where the hash is the SHA-256, as hexadecimal digits, of the
// run's salt followed by the payload. A payload is often guessable, such as a customer's number, and without
// the salt a guess cannot be tried. The salt is destroyed with the payload. If a seal has recorded the hash
// earlier, the seal still fits the marker.
//
// The SQL of a redaction calls the functions flowctl_catalog.redacted...() row by row. Salts are no arguments
// of theirs, because auto_explain and pgaudit write arguments of statements to the server's log.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "pg/server/uuid.hpp"

namespace flowctl::pg::records {

constexpr std::size_t kSaltBytes = 32;
std::string random_salt();

// The marker of a value.
std::string marker_of(std::string_view salt, std::string_view value);

// The details of an event, as JSON text, with markers in place of members that may hold data. Members that
// come from the definition or from the engine stay as they are. The marker of a member is made of the
// member's compact JSON text. Text that is not a JSON object becomes a marker as a whole.
std::string redact_details(std::string_view salt, std::string_view details, std::string_view definition);

// Whether an error's name says nothing about the data: the engine made it, or the definition has it.
bool is_plain_error(std::string_view error, std::string_view definition);

// What the SQL functions know of the runs that are being redacted, while an object of this class lives. There
// is one at a time.
class Redacting {
  public:
    struct OfRun {
        std::string salt;
        std::shared_ptr<const std::string> definition;
    };
    explicit Redacting(std::map<Uuid, OfRun> runs);
    ~Redacting();
    Redacting(const Redacting&) = delete;
    Redacting& operator=(const Redacting&) = delete;

  private:
    std::map<Uuid, OfRun> runs_;
};

}  // namespace flowctl::pg::records
