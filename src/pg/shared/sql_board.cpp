// Boards and places of executors. See sql_board.hpp.
#include "pg/shared/sql_board.hpp"

#include <csignal>
#include <cstring>

#include <unistd.h>

#include "pg/server/guc.hpp"
#include "pg/shared/segment.hpp"

namespace flowctl::pg::sql_board {

namespace {

enum class State : std::uint8_t { Free, Waiting, Taken, Finished };

struct Order {
    Uuid id;
    Oid role;
    State state;
    Outcome outcome;
    bool cancelled;
    std::int32_t executor;  // Taken: its place
    std::uint64_t number;   // grows, so the least is the oldest
};

// Its mutex also guards what is said of its executors beside their places: busy, since, ends.
struct Board {
    slock_t mutex;
    int process;  // of the worker
    Oid database;
    NoPlace hungry;
    std::int64_t hungry_since;
    std::uint64_t last_number;
    Order orders[kOrders];
};

struct Seat {
    std::uint32_t ticket;
    bool reserved;
    bool joined;
    bool busy;
    bool ends;
    std::int32_t worker;
    Oid database;
    Oid role;
    int pid;
    int process;
    std::int64_t since;
};

struct Shared {
    slock_t mutex;  // of which seats are reserved
    std::uint32_t last_ticket;
    // Behind it: the boards, by slot of the worker, and the seats.
};

Shared* shared = nullptr;
int own_worker = -1;  // of a worker: its slot; of an executor: its worker's
int own_seat = -1;    // of an executor
int own_order = -1;   // of an executor: that it has taken

std::size_t board_count() {
    return static_cast<std::size_t>(max_worker_processes);
}
int seat_count() {
    return guc::max_sql_workers;
}
std::size_t size() {
    return MAXALIGN(sizeof(Shared)) + sizeof(Board) * board_count() +
           sizeof(Seat) * static_cast<std::size_t>(seat_count());
}
Board* boards() {
    return reinterpret_cast<Board*>(reinterpret_cast<char*>(shared) + MAXALIGN(sizeof(Shared)));
}
Board& board_of(int worker) {
    return boards()[worker];
}
Seat* seats() {
    return reinterpret_cast<Seat*>(boards() + board_count());
}

void attach(void* memory, bool is_new) {
    shared = static_cast<Shared*>(memory);
    if (!is_new) return;
    memset(memory, 0, size());
    SpinLockInit(&shared->mutex);
    for (std::size_t i = 0; i < board_count(); i++) {
        SpinLockInit(&boards()[i].mutex);
        boards()[i].process = shmem::kNobody;
    }
}

constexpr shmem::Segment kSegment{"pg_flowctl SQL board", size, attach};

void free_orders_of(Board& board, int seat) {
    for (Order& order : board.orders)
        if (order.state == State::Taken && order.executor == seat) {
            order.state = State::Finished;
            order.outcome = Outcome::Lost;
        }
}

// Of a seat whose process has gone, or never comes.
void free_seat(int index) {
    Seat& seat = seats()[index];
    {
        shmem::Locked lock(board_of(seat.worker).mutex);
        free_orders_of(board_of(seat.worker), index);
    }
    seat.reserved = seat.joined = seat.busy = seat.ends = false;
}

void close_board(int, Datum) {
    shmem::Locked lock(shared->mutex);
    for (int i = 0; i < seat_count(); i++)
        if (seats()[i].reserved && !seats()[i].joined && seats()[i].worker == own_worker) free_seat(i);
    board_of(own_worker).process = shmem::kNobody;
    board_of(own_worker).hungry = NoPlace::None;
}

void leave_seat(int, Datum) {
    int worker = shmem::kNobody;
    {
        shmem::Locked lock(shared->mutex);
        free_seat(own_seat);
        worker = board_of(own_worker).process;
    }
    shmem::wake(worker);
}

Order* find(Board& board, const Uuid& id) {
    for (Order& order : board.orders)
        if (order.state != State::Free && order.id == id) return &order;
    return nullptr;
}

bool is_ours(const Place& place) {
    return place.index >= 0 && seats()[place.index].reserved && seats()[place.index].ticket == place.ticket;
}

}  // namespace

void request_at_load() {
    shmem::request_at_load(kSegment);
}

// ---------------------------------------------------------------------------------------------- the worker

void open(int worker) noexcept {
    own_worker = worker;
    Board& board = board_of(worker);
    {
        shmem::Locked lock(board.mutex);
        for (Order& order : board.orders)
            order.state = State::Free;
        board.process = my_process_number();
        board.database = MyDatabaseId;
        board.hungry = NoPlace::None;
    }
    before_shmem_exit(close_board, 0);
}

bool put(const Uuid& id, Oid role) noexcept {
    Board& board = board_of(own_worker);
    shmem::Locked lock(board.mutex);
    for (Order& order : board.orders) {
        if (order.state != State::Free) continue;
        order = {id, role, State::Waiting, Outcome::Lost, false, -1, ++board.last_number};
        return true;
    }
    return false;
}

bool take_back(const Uuid& id) noexcept {
    Board& board = board_of(own_worker);
    shmem::Locked lock(board.mutex);
    Order* const order = find(board, id);
    if (order == nullptr) return true;
    if (order->state != State::Waiting) return false;
    order->state = State::Free;
    return true;
}

int cancel(const Uuid& id) noexcept {
    Board& board = board_of(own_worker);
    shmem::Locked lock(board.mutex);
    Order* const order = find(board, id);
    if (order == nullptr || order->state != State::Taken) return -1;
    order->cancelled = true;
    // Under the lock: the executor cannot have gone on to its next order.
    kill(seats()[order->executor].pid, SIGINT);
    return order->executor;
}

std::vector<Finished> collect() {
    std::vector<Finished> finished;
    if (own_worker < 0) return finished;
    finished.reserve(kOrders);  // nothing may be allocated under the lock
    Board& board = board_of(own_worker);
    shmem::Locked lock(board.mutex);
    for (Order& order : board.orders) {
        if (order.state != State::Finished) continue;
        finished.push_back({order.id, order.outcome});
        order.state = State::Free;
    }
    return finished;
}

void wake_executors(Oid role) noexcept {
    for (int i = 0; i < seat_count(); i++) {
        const Seat& seat = seats()[i];
        if (seat.joined && !seat.busy && seat.worker == own_worker && seat.role == role) shmem::wake(seat.process);
    }
}

Place reserve(Oid role, int most_in_database) noexcept {
    shmem::Locked lock(shared->mutex);
    int in_database = 0, free = -1;
    for (int i = 0; i < seat_count(); i++) {
        if (!seats()[i].reserved)
            free = i;
        else if (seats()[i].database == MyDatabaseId)
            in_database++;
    }
    if (in_database >= most_in_database) return {-1, 0, NoPlace::Database};
    if (free < 0) return {-1, 0, NoPlace::Server};
    seats()[free] = {++shared->last_ticket, true, false, false, false, own_worker, MyDatabaseId, role, 0,
                     shmem::kNobody, 0};
    return {free, shared->last_ticket, NoPlace::None};
}

void release(const Place& place) noexcept {
    shmem::Locked lock(shared->mutex);
    if (is_ours(place)) free_seat(place.index);
}

Executor view(const Place& place) noexcept {
    shmem::Locked lock(board_of(own_worker).mutex);
    if (!is_ours(place)) return {};
    const Seat& seat = seats()[place.index];
    return {seat.joined, seat.busy, seat.since, seat.pid};
}

void retire(const Place& place, bool now_or_later) noexcept {
    int process = shmem::kNobody;
    {
        shmem::Locked lock(board_of(own_worker).mutex);
        if (!is_ours(place)) return;
        Seat& seat = seats()[place.index];
        if (seat.busy && !now_or_later) return;
        seat.ends = true;
        if (!seat.busy) process = seat.process;
    }
    shmem::wake(process);
}

void say_hungry(NoPlace why, std::int64_t since) noexcept {
    {
        Board& board = board_of(own_worker);
        shmem::Locked lock(board.mutex);
        board.hungry = why;
        board.hungry_since = since;
    }
    if (why == NoPlace::None) return;
    for (int i = 0; i < seat_count(); i++) {
        const Seat& seat = seats()[i];
        if (seat.reserved && seat.worker != own_worker) shmem::wake(board_of(seat.worker).process);
    }
}

bool others_are_hungry(std::int64_t before) noexcept {
    for (int i = 0; i < static_cast<int>(board_count()); i++) {
        if (i == own_worker) continue;
        Board& board = board_of(i);
        shmem::Locked lock(board.mutex);
        if (board.hungry == NoPlace::None || board.hungry_since > before) continue;
        if (board.database == MyDatabaseId || board.hungry == NoPlace::Server) return true;
    }
    return false;
}

// ---------------------------------------------------------------------------------------------- the executor

bool join(int place, std::uint32_t ticket) noexcept {
    {
        shmem::Locked lock(shared->mutex);
        Seat& seat = seats()[place];
        if (!seat.reserved || seat.ticket != ticket) return false;
        own_worker = seat.worker;
        own_seat = place;
        shmem::Locked inner(board_of(own_worker).mutex);
        seat.joined = true;
        seat.pid = MyProcPid;
        seat.process = my_process_number();
        seat.since = to_unix_micros(GetCurrentTimestamp());
    }
    before_shmem_exit(leave_seat, 0);
    shmem::wake(board_of(own_worker).process);
    return true;
}

bool take(Uuid& id) noexcept {
    const std::int64_t now = to_unix_micros(GetCurrentTimestamp());
    Board& board = board_of(own_worker);
    shmem::Locked lock(board.mutex);
    Seat& seat = seats()[own_seat];
    int oldest = -1;
    if (!seat.ends)
        for (int i = 0; i < kOrders; i++) {
            const Order& order = board.orders[i];
            if (order.state != State::Waiting || order.role != seat.role) continue;
            if (oldest < 0 || order.number < board.orders[oldest].number) oldest = i;
        }
    if (oldest < 0) {
        if (seat.busy) seat.since = now;
        seat.busy = false;
        return false;
    }
    if (!seat.busy) seat.since = now;
    seat.busy = true;
    board.orders[oldest].state = State::Taken;
    board.orders[oldest].executor = own_seat;
    own_order = oldest;
    id = board.orders[oldest].id;
    return true;
}

void finish(Outcome outcome) noexcept {
    if (own_order < 0) return;
    bool cancelled = false;
    int worker = shmem::kNobody;
    {
        Board& board = board_of(own_worker);
        shmem::Locked lock(board.mutex);
        Order& order = board.orders[own_order];
        // The board may have been opened again by another worker.
        if (order.state == State::Taken && order.executor == own_seat) {
            cancelled = order.cancelled;
            order.state = State::Finished;
            order.outcome = outcome;
        }
        worker = board.process;
    }
    own_order = -1;
    // A signal that was sent before is delivered at the latest when a system call returns. It is not meant for
    // the next order.
    if (cancelled) {
        (void)getppid();
        QueryCancelPending = false;
    }
    shmem::wake(worker);
}

bool is_cancelled() noexcept {
    if (own_order < 0) return false;
    Board& board = board_of(own_worker);
    shmem::Locked lock(board.mutex);
    return board.orders[own_order].cancelled;
}

bool asked_to_end() noexcept {
    shmem::Locked lock(board_of(own_worker).mutex);
    return seats()[own_seat].ends;
}

}  // namespace flowctl::pg::sql_board
