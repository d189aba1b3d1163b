// Statements about rows of known runs, each sent to the leaf that the rows are in.
//
// A statement on a partitioned table locks and sets up every leaf each time it is executed (6 us each on our
// machine), and planning it costs ten times that. What the engine does in every turn concerns runs whose ids
// it has, and nearly all of those are of today: so it groups the ids by leaf and names the leaf. What such a
// statement costs does not depend on how many leaves there are. Invariant: a leaf is looked up anew each
// time, in the server's own cache, so one that has been made or dropped meanwhile is known; a leaf with rows
// of open runs is never dropped.
//
// Everything runs inside the caller's transaction and raises PgError.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pg/server/spi.hpp"

namespace flowctl::pg::store {

struct LeafGroup {
    Oid leaf = InvalidOid;
    std::vector<std::size_t> members;  // positions in the list of ids
};
// `table`: a partitioned one in schema flowctl. Groups come in the order of their first members.
std::vector<LeafGroup> by_leaf(const char* table, const std::vector<Uuid>& ids);
// The elements of a group.
template <class T>
std::vector<T> pick(const std::vector<T>& all, const LeafGroup& group) {
    std::vector<T> picked;
    picked.reserve(group.members.size());
    for (std::size_t i : group.members)
        picked.push_back(all[i]);
    return picked;
}

// In the text, `{leaf}` stands for the table. Plans are kept, of the leaves used last.
class LeafStatement {
  public:
    LeafStatement(const char* sql, std::initializer_list<Oid> types,
                  Statement::Plan plan = Statement::Plan::ServerChooses)
        : sql_(sql), pattern_(sql, types, plan) {}
    Rows run(Spi& spi, Oid leaf, Params params);
    // See Spi::run_latest().
    Rows run_latest(Spi& spi, Oid leaf, Params params);

  private:
    struct Prepared {
        Prepared(std::string sql, const Statement& pattern)
            : text(std::move(sql)), statement(text.c_str(), pattern) {}
        std::string text;
        Statement statement;
    };
    Statement& statement_for(Oid leaf);
    const char* sql_;
    Statement pattern_;  // for its types; never prepared
    std::map<Oid, std::unique_ptr<Prepared>> prepared_;
};

}  // namespace flowctl::pg::store
