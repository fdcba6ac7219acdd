"""Checks the format of docs/errors.md, the list of all error codes, and the address of the page in every doc_url.

Rules in test_template.py compare it with the gateway's responses and the contract.
"""

import tomllib
import unittest

import error_reference
import templates
from error_reference import Entry

TEXT = error_reference.DOCUMENT.read_text()


class ErrorReference(unittest.TestCase):
    def test_it_has_entries(self):
        self.assertEqual(error_reference.entries(TEXT)["rate_limited"], Entry("429", "rate_limit_error"))

    def test_an_entry_without_status_and_type_and_a_duplicate_entry_are_detected(self):
        for old, new, message in [
            ("429 `rate_limit_error`. ", "", "rate_limited does not start with"),
            ("429 `rate_limit_error`. ", "429 rate_limit_error. ", "rate_limited does not start with"),
            ("## rate_limited\n\n", "## rate_limited\n\n## slow\n\n", "rate_limited does not start with"),
            ("## invalid_form\n", "## form_required\n", "form_required has two entries"),
        ]:
            with self.subTest(new=new):
                self.assertIn(old, TEXT)
                with self.assertRaisesRegex(ValueError, message):
                    error_reference.entries(TEXT.replace(old, new, 1))

    def test_every_doc_url_has_the_same_page(self):
        """The template's default, every environment and the examples use the same page."""
        page = templates.load(templates.CORE.read_text())["Parameters"]["DocUrlBase"]["Default"]
        for path in templates.CORE.with_name("environments").glob("*.toml"):
            self.assertEqual(tomllib.loads(path.read_text())["parameters"]["DocUrlBase"], page, path.name)
        examples = error_reference.doc_urls(TEXT)
        self.assertTrue(examples)
        for base, code in examples:
            self.assertEqual(base, page)
            self.assertIn(code, error_reference.entries(TEXT))


if __name__ == "__main__":
    unittest.main()
