// Looks for repeated member names; see duplicates.hpp. It is a second pass over the text with RapidJSON's
// iterative reader, so depth needs no stack.
#include "core/asl/duplicates.hpp"

#include <set>
#include <vector>

#include "core/asl/walk.hpp"
#include "third_party/rapidjson.hpp"

namespace flowctl::asl {

namespace {

namespace rj = flowctl_rapidjson;

class Handler : public rj::BaseReaderHandler<rj::UTF8<>, Handler> {
  public:
    bool Default() {
        element_done();
        return true;
    }
    bool StartObject() {
        levels_.push_back({});
        return true;
    }
    bool Key(const char* text, rj::SizeType length, bool) {
        Level& level = levels_.back();
        level.key.assign(text, length);
        if (level.seen.insert(level.key).second) return true;
        found_ = Duplicate{level.key, pointer()};
        return false;
    }
    bool EndObject(rj::SizeType) { return end(); }
    bool StartArray() {
        levels_.push_back({});
        levels_.back().is_array = true;
        return true;
    }
    bool EndArray(rj::SizeType) { return end(); }

    std::optional<Duplicate> found() && { return std::move(found_); }

  private:
    struct Level {
        bool is_array = false;
        std::size_t index = 0;
        std::string key;
        std::set<std::string, std::less<>> seen;
    };

    bool end() {
        levels_.pop_back();
        element_done();
        return true;
    }
    void element_done() {
        if (!levels_.empty() && levels_.back().is_array) ++levels_.back().index;
    }
    std::string pointer() const {
        std::string out;
        for (std::size_t i = 0; i + 1 < levels_.size(); ++i) {
            const Level& level = levels_[i];
            out += '/';
            out += level.is_array ? std::to_string(level.index) : escape_pointer_token(level.key);
        }
        return out;
    }

    std::vector<Level> levels_;
    std::optional<Duplicate> found_;
};

}  // namespace

std::optional<Duplicate> find_duplicate(std::string_view text) {
    Handler handler;
    rj::MemoryStream raw(text.data(), text.size());
    rj::EncodedInputStream<rj::UTF8<>, rj::MemoryStream> stream(raw);
    rj::Reader reader;
    reader.Parse<rj::kParseIterativeFlag | rj::kParseNumbersAsStringsFlag>(stream, handler);
    return std::move(handler).found();
}

}  // namespace flowctl::asl
