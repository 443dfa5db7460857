"""What every command owes who asked for what it cannot do."""


class Refusing:
    """For a TestCase."""

    def refused(self, done, code, *words):
        """One line on standard error, nothing on standard output."""
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertTrue(done.stderr.startswith("filing-ledger: "), done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
