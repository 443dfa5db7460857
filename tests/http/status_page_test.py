"""The status page as a visitor sees it, in headless Chromium: both languages, live figures, the lookup of numbers."""

import base64
import contextlib
import json
import os
import shutil
import sys
import tempfile
import time
import unittest

import proof_test

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
try:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    webdriver = None
DEBIAN_PYTHON = "/usr/bin/python3"
SCREENSHOTS = os.environ.get("STATUS_PAGE_SCREENSHOTS")  # a folder; unset: none are kept
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps",
         "--no-default-browser-check", "--no-proxy-server")
# What the page asks knowing that it may be refused: a browser notes every such answer on its console.
MAY_BE_REFUSED = ("/v1/numbers/", "/v1/stream")


@contextlib.contextmanager
def browser(language="zh-CN", width=1200, height=1000):
    profile = tempfile.mkdtemp(prefix="filing-ledger-chromium-")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS + ("--user-data-dir=" + profile, "--lang=" + language, "--window-size=%d,%d" % (width, height)):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()
        shutil.rmtree(profile, ignore_errors=True)


class StatusPage(proof_test.Auditing):
    def visit(self, driver):
        driver.get("http://127.0.0.1:%d/" % self.ledger.port)

    def text(self, driver, selector):
        return driver.find_element(By.CSS_SELECTOR, selector).text

    def becomes(self, driver, selector, wanted, seconds=20):
        """Waits until the text of an element holds what is wanted, and gives it."""
        end = time.monotonic() + seconds
        while True:
            found = driver.execute_script("return document.querySelector(arguments[0])?.innerText ?? ''", selector)
            if wanted in found:
                return found
            if time.monotonic() > end:
                self.fail("%s shows %r, not %r\n%s" % (selector, found, wanted, driver.get_log("browser")))
            time.sleep(0.1)

    def picture(self, driver, name):
        if SCREENSHOTS:
            height = driver.execute_script("return document.documentElement.scrollHeight")
            driver.set_window_size(driver.get_window_size()["width"], height + 150)
            driver.save_screenshot(os.path.join(SCREENSHOTS, name + ".png"))

    def check_quiet(self, driver):
        """Nothing on the console, nothing asked of another host."""
        for entry in driver.get_log("browser"):
            if entry["source"] == "network" and any(path in entry["message"] for path in MAY_BE_REFUSED):
                continue
            self.fail("on the console: %s" % entry["message"])
        own = "http://127.0.0.1:%d/" % self.ledger.port
        asked = []
        for entry in driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.append(message["params"]["request"]["url"])
        self.assertIn(own, asked)
        for url in asked:
            if not url.startswith(("data:", "blob:", "chrome:", "about:")):
                self.assertTrue(url.startswith(own), url)

    def number(self):
        return self.ledger.get("/v1/announcements").json["items"][0]["number"]

    def look_up(self, driver, number):
        field = driver.find_element(By.ID, "number")
        field.clear()
        field.send_keys(number, Keys.ENTER)

    def test_figures_and_announcements_in_both_languages(self):
        self.published()
        number = self.number()
        size, root, _ = self.checkpoint()
        with browser() as driver:
            self.visit(driver)
            row = self.becomes(driver, "#newest tr", number)
            for shown in ("示例推荐算法", "示例科技有限公司", "个性化推送", "服务提供者", "有效"):
                self.assertIn(shown, row)
            self.becomes(driver, "#log-size", str(size))
            self.assertEqual(driver.title, "备案总账")
            self.assertEqual(self.text(driver, "#count-published"), "1")
            self.assertEqual(self.text(driver, "#count-revoked"), "0")
            self.assertEqual(self.text(driver, "#count-announcements"), "1")
            self.assertIn("个性化推送\n1", self.text(driver, "#types"))
            self.assertEqual(self.text(driver, "#origin"), "ledger.example/test")
            self.assertEqual(len(self.text(driver, "#log-root")), 44)
            self.assertIn(self.text(driver, "#live"), ("实时", "每 15 秒更新"))
            self.picture(driver, "zh")
            driver.find_element(By.ID, "language").click()
            self.assertEqual(driver.title, "Filing Ledger")
            self.assertEqual(driver.find_element(By.TAG_NAME, "html").get_attribute("lang"), "en")
            row = self.text(driver, "#newest tr")
            for shown in (number, "示例推荐算法", "Personalised push", "Provider", "In force"):
                self.assertIn(shown, row)
            self.assertIn("Personalised push\n1", self.text(driver, "#types"))
            self.picture(driver, "en")
            driver.find_element(By.ID, "language").click()
            self.assertEqual(driver.title, "备案总账")
            self.check_quiet(driver)

    def test_a_visitor_of_another_language_gets_english_and_what_is_new_appears_by_itself(self):
        with browser("fr-FR") as driver:
            self.visit(driver)
            self.becomes(driver, "#none", "Nothing has been announced yet.")
            self.assertEqual(self.text(driver, "#count-published"), "0")
            *_, filing, _ = self.published()
            self.becomes(driver, "#newest tr", self.number(), seconds=40)
            self.becomes(driver, "#count-published", "1")
            self.ledger.must(self.ledger.post("/v1/filings/%s/revoke" % filing, self.staff["supervisor"],
                                              {"ground": "false_information", "note": "虚假"}))
            self.becomes(driver, "#newest tr", "Revoked", seconds=40)
            self.becomes(driver, "#count-revoked", "1")
            self.assertEqual(self.text(driver, "#count-published"), "0")
            self.check_quiet(driver)

    def test_a_number_is_looked_up_and_a_mistyped_one_explained(self):
        self.published()
        number = self.number()
        digits = "".join(c for c in number if c.isdigit())
        with browser() as driver:
            self.visit(driver)
            self.becomes(driver, "#newest tr", number)
            self.look_up(driver, digits)
            found = self.becomes(driver, "#found", number)
            for shown in ("示例推荐算法", "示例科技有限公司", "应用于资讯推荐场景", "有效"):
                self.assertIn(shown, found)
            # One digit off: said, and the number that was meant leads to the record.
            self.look_up(driver, digits[:-1] + str((int(digits[-1]) + 1) % 10))
            self.assertIn("校验位不符", self.becomes(driver, "#found", digits))
            self.picture(driver, "mistyped")
            driver.find_element(By.ID, "language").click()
            self.becomes(driver, "#found", "The check digit does not fit")
            driver.find_element(By.CSS_SELECTOR, "#found button").click()
            self.becomes(driver, "#found", "应用于资讯推荐场景")
            self.assertEqual(driver.find_element(By.ID, "number").get_attribute("value"), digits)
            self.look_up(driver, "12345")
            self.becomes(driver, "#found", "A filing number has 21 digits.")
            # What somebody types is shown nowhere as markup, and is no path.
            for odd in ("<img src=x onerror=alert(1)>", "../../healthz", "编号?x=1#y", "%"):
                self.look_up(driver, "12345")
                self.becomes(driver, "#found", "21 digits")
                self.look_up(driver, odd)
                self.becomes(driver, "#found", "filing number")
                self.assertEqual(driver.find_elements(By.CSS_SELECTOR, "#found img"), [])
            self.check_quiet(driver)

    def test_names_are_text_whatever_they_hold(self):
        ledger = self.ledger
        form, register, subject_form = ledger.filing_form, ledger.register, ledger.subject_form
        owner = "<img src=x onerror=bad()>\"'&amp;公司"
        ledger.filing_form = lambda *args: form(*args, algorithm_name="<b onclick=x>算法</b><script>bad()</script>")
        ledger.register = lambda n=1: register(n, owner)
        ledger.subject_form = lambda token, n=1: subject_form(token, n, owner)
        self.published()
        with browser() as driver:
            self.visit(driver)
            self.becomes(driver, "#newest tr", "<b onclick=x>算法</b><script>bad()</script>")
            self.becomes(driver, "#newest tr", owner)
            self.assertEqual(driver.find_elements(By.CSS_SELECTOR, "#newest b, #newest script, #newest img"), [])
            self.look_up(driver, self.number())
            self.becomes(driver, "#found", owner)
            self.assertEqual(driver.find_elements(By.CSS_SELECTOR, "#found img"), [])
            self.check_quiet(driver)

    def test_the_curve_of_reviews_is_shown_and_asked_for_again_after_an_announcement(self):
        def asked():
            return driver.execute_script("return performance.getEntriesByType('resource').filter("
                                         "entry => entry.name.includes('durations.svg')).length")

        with browser() as driver:
            self.visit(driver)
            self.becomes(driver, "#none", "尚无公示")
            self.assertEqual(driver.execute_script(
                "const image = document.getElementById('review-curve'); return [image.complete, image.naturalWidth]"),
                [True, 760])
            self.assertIn("生存曲线", driver.find_element(By.ID, "review-curve").get_attribute("alt"))
            self.assertEqual(asked(), 1)
            self.published()
            self.becomes(driver, "#newest tr", self.number(), seconds=40)
            end = time.monotonic() + 20
            while asked() < 2 and time.monotonic() < end:
                time.sleep(0.1)
            self.assertGreaterEqual(asked(), 2)
            self.assertTrue(driver.find_element(By.ID, "review-curve").get_attribute("src").startswith("blob:"))
            self.assertEqual(driver.execute_async_script(
                "const image = document.getElementById('review-curve'), done = arguments[0];"
                "image.decode().then(() => done(image.naturalWidth), error => done(String(error)))"), 760)
            self.check_quiet(driver)

    def test_it_fits_a_phone_and_goes_by_keyboard(self):
        self.published()
        number = self.number()
        with browser(width=500, height=900) as driver:
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                   {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True})
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                   {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
            self.visit(driver)
            self.becomes(driver, "#newest tr", number)
            self.assertLessEqual(driver.execute_script("return document.documentElement.scrollWidth"), 360)
            body = driver.find_element(By.TAG_NAME, "body")
            body.send_keys(Keys.TAB)
            self.assertEqual(driver.switch_to.active_element.get_attribute("id"), "language")
            driver.switch_to.active_element.send_keys(Keys.TAB)
            self.assertEqual(driver.switch_to.active_element.get_attribute("id"), "number")
            driver.switch_to.active_element.send_keys(number, Keys.ENTER)
            self.becomes(driver, "#found", "应用于资讯推荐场景")
            if SCREENSHOTS:
                shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
                with open(os.path.join(SCREENSHOTS, "phone.png"), "wb") as file:
                    file.write(base64.b64decode(shot["data"]))
            self.check_quiet(driver)


if __name__ == "__main__":
    # Debian's package is for Debian's Python, which need not be the first one on the path.
    if webdriver is None and os.path.realpath(sys.executable) != os.path.realpath(DEBIAN_PYTHON) \
            and os.path.exists(DEBIAN_PYTHON):
        os.execv(DEBIAN_PYTHON, [DEBIAN_PYTHON, *sys.argv])
    if not (CHROMIUM and DRIVER and webdriver):
        print("SKIPPED: the status page is NOT tested: chromium, chromium-driver or python3-selenium is missing",
              file=sys.stderr)
        sys.exit(77)
    unittest.main()
