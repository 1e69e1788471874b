"""bench_sink as a child of the benchmark: where everything is sent that nobody wants to keep."""
import json
import subprocess
import urllib.request


class Sink:
    def __init__(self, bin_dir):
        self.child = subprocess.Popen([f"{bin_dir}/tests/bench/bench_sink"], stdout=subprocess.PIPE,
                                      stdin=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{int(self.child.stdout.readline())}"

    def stats(self):
        """requests, lines and bytes so far."""
        with urllib.request.urlopen(self.url + "/stats", timeout=10) as answer:
            return json.load(answer)

    def close(self):
        """Ends it; returns the last stats."""
        stats = self.stats()
        self.child.terminate()
        self.child.wait()
        self.child.stdout.close()
        return stats
