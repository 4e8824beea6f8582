from caviar.tuning.crew import NONE_S, SETTLED_S, Crew


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_work_is_shared_by_those_that_have_a_place_not_by_those_planned():
    crew = Crew(8, 3, Clock())
    assert (crew.planned, crew.ready, crew.starting, crew.sharing) == (8, 0, 3, 3)
    crew.start("a")
    assert (crew.ready, crew.starting, crew.sharing) == (0, 3, 3)
    crew.arrive("a", "node")
    assert (crew.ready, crew.starting, crew.sharing) == (1, 2, 3)


def test_those_that_do_not_come_are_not_reckoned_with_for_ever():
    clock = Clock()
    crew = Crew(3, 3, clock)
    clock.now += 1000.0  # nobody has begun: the cluster may be slow
    assert crew.sharing == 3
    assert crew.starting == 0  # but there is no place for them
    crew.start("a")
    crew.arrive("a", "node")
    clock.now += SETTLED_S + 1
    assert (crew.ready, crew.starting, crew.sharing) == (1, 0, 1)


def test_a_slice_that_comes_later_shares_as_soon_as_it_starts():
    clock = Clock()
    crew = Crew(8, 1, clock)
    crew.start("a")
    crew.arrive("a", "n1")
    clock.now += SETTLED_S + 1
    crew.start("b")
    assert (crew.ready, crew.starting, crew.sharing) == (1, 1, 2)
    crew.arrive("b", "n2")
    assert (crew.ready, crew.starting, crew.sharing) == (2, 0, 2)


def test_a_slice_that_is_gone_shares_no_more_and_its_node_is_told():
    clock = Clock()
    crew = Crew(2, 2, clock)
    for name in "ab":
        crew.start(name)
        crew.arrive(name, f"n-{name}")
    clock.now += SETTLED_S + 1
    assert crew.die("a") == ("n-a", False)
    assert crew.die("a") == ("", False)
    assert crew.sharing == 1
    crew.start("b")  # a new process, which nobody had reported dead
    assert (crew.ready, crew.starting) == (0, 1)


def test_slices_are_said_to_start_for_a_while_only():
    clock = Clock()
    crew = Crew(2, 2, clock)
    clock.now += NONE_S
    assert crew.starting == 2
    clock.now += 0.1
    assert crew.starting == 0
    crew.start("a")  # somebody made room
    assert crew.starting == 2
