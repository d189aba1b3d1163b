// The items of a tested distributed Map; see map_items.hpp. The Batcher of map runs makes the inputs, and the
// parsers are the same as for answers of endpoints. No child begins.
#include "core/test_state/map_items.hpp"

#include "core/items/items.hpp"
#include "core/map_run/batcher.hpp"

namespace flowctl::test_state {

namespace {

// The limit for the inputs of all children together.
constexpr std::size_t kMostBytes = 64 * 1024 * 1024;

// Reads the items that the reader would find, or returns what is wrong.
std::optional<std::string> read_items(const asl::ReaderConfig& config, const json::Value& data,
                                      std::vector<items::Item>& out) {
    auto parser = items::make_parser(config, {});
    if (parser == nullptr) parser = items::make_json_parser(config.items_pointer, {});
    const std::string text = data.is_string() ? std::string(data.as_string()) : json::dump(data);
    if (auto problem = parser->feed(text, out)) return problem;
    return parser->finish(out);
}

class Taking {
  public:
    Taking(const asl::State& map, machine::MapRunPlan plan, const machine::Limits& limits,
           const machine::Now& now, const std::function<bool()>& interrupted)
        : has_reader_(plan.reader.has_value()),
          batcher_(map, std::move(plan), limits),
          now_(now),
          interrupted_(interrupted) {}

    // `read` has the items that the reader has found, if the test gives any.
    machine::TriedItems take(const std::optional<std::vector<items::Item>>& read) {
        if (!has_reader_ || read) taken_.count = 0;
        if (has_reader_) {
            for (std::size_t i = 0; read && i < read->size(); ++i) {
                if (!take_one((*read)[i])) break;
            }
        } else {
            while (const auto item = batcher_.next_own_item()) {
                if (!take_one(*item)) break;
            }
        }
        keep(batcher_.end_of_items());
        if (batcher_.failure()) fail(batcher_.failure()->error, batcher_.failure()->cause);
        return std::move(taken_);
    }

    machine::TriedItems fail(std::string_view error, const std::string& cause) {
        machine::TaskFailed failed;
        failed.error = error;
        failed.cause = cause;
        taken_.failure = std::move(failed);
        return std::move(taken_);
    }

  private:
    bool take_one(const items::Item& item) {
        if (!batcher_.wants_item() || taken_.failure) return false;
        if (interrupted_ && interrupted_()) {
            fail("States.Runtime", "The test was interrupted.");
            return false;
        }
        ++*taken_.count;
        keep(batcher_.take(item, now_));
        ++now_.seed;
        return true;
    }

    void keep(std::vector<map_run::Child> children) {
        for (map_run::Child& child : children) {
            bytes_ += json::dumped_size(child.input);
            taken_.inputs.push_back(std::move(child.input));
        }
        if (bytes_ > kMostBytes && !taken_.failure)
            fail("States.DataLimitExceeded", "The inputs of the items take too much to be tested.");
    }

    bool has_reader_;
    map_run::Batcher batcher_;
    machine::Now now_;
    const std::function<bool()>& interrupted_;
    machine::TriedItems taken_;
    std::size_t bytes_ = 0;
};

}  // namespace

machine::TriedItems take_items(const asl::State& map, machine::MapRunPlan plan,
                               const std::optional<json::Value>& reader_data, const machine::Limits& limits,
                               const machine::Now& now, const std::function<bool()>& interrupted) {
    std::optional<std::vector<items::Item>> read;
    std::optional<std::string> problem;
    if (plan.reader && reader_data) problem = read_items(plan.reader->config, *reader_data, read.emplace());
    Taking taking(map, std::move(plan), limits, now, interrupted);
    if (problem) return taking.fail(map_run::kItemReaderFailed, *problem);
    return taking.take(read);
}

}  // namespace flowctl::test_state
