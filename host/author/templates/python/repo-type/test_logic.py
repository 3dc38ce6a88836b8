"""Tests of the logic: python -m unittest."""

import unittest

import logic

GET = ("GET", "/api/teams/web", None)
PUT = ("PUT", "/api/teams/web", '{"public":true}')


def prepared(statuses: dict, dry_run: bool = False) -> tuple[str, str | None]:
    """Prepares a team at a server that answers with these statuses. Another request fails the test."""

    def send(method: str, path: list[str], body: str | None) -> tuple[int, str]:
        return statuses[(method, "/" + "/".join(path), body)], "no right"

    return logic.prepare(send, "web", True, dry_run)


class Preparing(unittest.TestCase):
    def test_a_missing_team_is_created(self) -> None:
        self.assertEqual(prepared({GET: 200}), ("ready", None))
        self.assertEqual(prepared({GET: 404, PUT: 201}), ("created", None))
        self.assertEqual(prepared({GET: 404, PUT: 409})[0], "ready")
        self.assertEqual(prepared({GET: 404}, dry_run=True), ("would-create", None))

    def test_refusals_say_what_the_server_said(self) -> None:
        with self.assertRaisesRegex(logic.Refused, "answered 403: no right"):
            prepared({GET: 403})
        with self.assertRaises(logic.Refused):
            prepared({GET: 404, PUT: 500})

    def test_the_first_part_of_a_repository_is_its_team(self) -> None:
        self.assertEqual(logic.team("web/shop/cart"), "web")
        self.assertIsNone(logic.team("alone"))
