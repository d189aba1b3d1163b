// Secrets in memory and the files they come from.
//
// A Secret cannot be copied by accident, printed or compared in variable time, and its bytes are wiped when
// it goes (OPENSSL_cleanse). A secret file is a plain name inside one directory; it is opened without
// following links and must pass the checks that PostgreSQL makes of ssl_key_file: a regular file, owned by
// the server's user or by root, without access for others (0600, or 0640 when root owns it). An error names
// the file and never its content.
//
// Callers: src/pg/endpoint reads; oidc and jose use.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace flowctl::net {

class Secret {
  public:
    Secret() noexcept = default;
    explicit Secret(std::string_view bytes);
    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret&& other) noexcept;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret();

    Secret clone() const;
    std::string_view reveal() const noexcept { return {data_.get(), size_}; }  // never store what it returns
    bool empty() const noexcept { return size_ == 0; }

  private:
    std::unique_ptr<char[]> data_;
    std::size_t size_ = 0;
};

// Either the content, one trailing newline removed, or a message that says what is wrong with the file.
std::variant<Secret, std::string> read_secret_file(const std::string& directory, std::string_view name);

// True for a plain file name: not empty, no '/', not "." or "..", no control characters, at most 255 bytes.
bool is_plain_file_name(std::string_view name) noexcept;

}  // namespace flowctl::net
