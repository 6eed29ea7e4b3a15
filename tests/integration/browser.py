"""A headless Chromium, and what the page's tests ask of it."""

import base64

from local_cluster import wait_until
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

DESKTOP = (1360, 900, False)
PHONE = (390, 844, True)


class Browser:
    def __init__(self):
        options = Options()
        options.binary_location = "/usr/bin/chromium"
        # The tests run as root, in containers with a small /dev/shm.
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run",
                         "--hide-scrollbars"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_page_load_timeout(30)

    def size(self, width, height, mobile):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile})

    def theme(self, name):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": name}]})

    def open(self, url):
        self.driver.get(url)

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def text(self, css):
        """What a person reads there: hidden text is not part of it."""
        return self.script("const e = document.querySelector(arguments[0]); return e ? e.innerText : null", css)

    def texts(self, css):
        return self.script("return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText)", css)

    def attribute(self, css, name):
        return self.script("return document.querySelector(arguments[0]).getAttribute(arguments[1])", css, name)

    def click(self, css):
        self.driver.find_element(By.CSS_SELECTOR, css).click()

    def type(self, css, text):
        field = self.driver.find_element(By.CSS_SELECTOR, css)
        field.clear()
        field.send_keys(text)

    def wait(self, css, condition, what, limit_s=40):
        """Until condition(text of css); gives that text."""
        seen = []

        def check():
            seen[:] = [self.text(css)]
            return seen[0] is not None and condition(seen[0])
        wait_until(check, limit_s, lambda: f"{css}: {what}; it says {seen}\n{self.complaints()}", 0.1)
        return seen[0]

    def tile(self, name):
        return self.text(f"#tile-{name} .big")

    def complaints(self):
        """Errors of scripts, and what the policy has blocked.  A failed request is the network's, not the page's."""
        return [entry["message"] for entry in self.driver.get_log("browser")
                if entry["level"] == "SEVERE" and entry["source"] != "network"]

    def overflow(self):
        """How many pixels the page is wider than the window."""
        return self.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def picture(self, path):
        size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        data = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})["data"]
        path.write_bytes(base64.b64decode(data))

    def end(self):
        self.driver.quit()
