// Redactor: takes a secret out of text that came back from where the secret was sent.
//
// An endpoint may echo the token that it got: in an error page, in a copy of the request, in a log excerpt. The
// redactor finds the secret itself; the secret percent-encoded, JSON-escaped or with HTML's numeric entities,
// also mixed and two deep; and its base64, in both alphabets and anywhere inside a longer base64 text. It does
// not find pieces of a secret, or transformations such as encryption: an endpoint that wants to publish a token
// it was given can. The cost is linear in the text. Invariant: text without the secret is not changed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace flowctl::net {

class Redactor {
  public:
    Redactor() = default;
    ~Redactor();
    Redactor(const Redactor&) = delete;
    Redactor& operator=(const Redactor&) = delete;

    void add(std::string_view secret);
    bool apply(std::string& text) const;  // true if something was replaced by "[redacted]"

  private:
    struct Needle {
        std::string bytes;
        std::size_t before = 0;  // neighbours in base64 that hold some of the secret's bits
        std::size_t behind = 0;
    };
    std::vector<Needle> needles_;
};

}  // namespace flowctl::net
