"""The daemon in a cluster."""


def test_the_lowest_id_leads(make_cluster):
    cluster = make_cluster(3)
    cluster.eventually(
        lambda: [cluster.read(node, "leader") for node in (1, 2, 3)] == ["1", "1", "1"]
    )


def test_the_next_one_takes_over(make_cluster):
    cluster = make_cluster(3)
    cluster.kill(1)
    cluster.eventually(lambda: [cluster.read(node, "leader") for node in (2, 3)] == ["2", "2"])
    cluster.start(1)
    cluster.eventually(lambda: cluster.read(3, "leader") == "1")


def test_a_minority_has_no_leader(make_cluster):
    cluster = make_cluster(3)
    cluster.partition((1,), (2, 3))
    cluster.eventually(lambda: cluster.read(1, "leader") == "" and cluster.read(2, "leader") == "2")
    cluster.heal()
    cluster.eventually(lambda: cluster.read(2, "leader") == "1")


def test_a_crashed_cman_is_found_again(make_cluster):
    cluster = make_cluster(3)
    cluster.cman_crash(2)
    cluster.eventually(lambda: cluster.read(2, "leader") == "" and cluster.daemon_runs(2))
    cluster.cman_start(2)
    cluster.eventually(lambda: cluster.read(2, "leader") == "1")


def test_sigterm_ends_it(make_cluster):
    cluster = make_cluster(1)
    cluster.settle()
    cluster.daemon_term(1)
    cluster.eventually(lambda: cluster.exit_code(1) == 0)
    assert cluster.read(1, "leader") == ""


def test_any_history(drawn_history):
    drawn_history.run()
