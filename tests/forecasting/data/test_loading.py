"""The import: the original untouched, the candles bit for bit, read again only while current."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

from runs_app.forecasting.config.reading import ColumnOrder, Reading
from runs_app.forecasting.data import loading
from runs_app.forecasting.data.candles import Candles, read_candles
from runs_app.forecasting.data.canonical import fingerprint, read_canonical, write_canonical
from runs_app.forecasting.data.imports import CANDLES_FILE, file_sha256, find_import
from runs_app.forecasting.data.loading import import_file, load_candles
from runs_app.forecasting.data.prepare import prepare
from runs_app.forecasting.errors import DataInvalid
from tests.synthetic import random_candles, small_config, write_candles

NAMES = ("open_time", "open", "high", "low", "close", "volume")


def _equal(one: Candles, two: Candles) -> bool:
    same = all(getattr(one, n).tobytes() == getattr(two, n).tobytes() for n in NAMES)
    return same and one.bar_seconds == two.bar_seconds


@pytest.fixture
def no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads an original now fails."""

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("the original was read")

    monkeypatch.setattr(loading, "read_candles", fail)


def test_every_file_of_the_folder_comes_back_bit_for_bit(shared_data: Path, tmp_path: Path) -> None:
    kept = 0
    for path in sorted(shared_data.rglob("*")):
        if path.name == "README.md" or not path.is_file() or "USD_1m_201" in path.name:
            continue
        before = file_sha256(path)
        record = import_file(path, tmp_path)
        assert file_sha256(path) == before == record.source_sha256
        if record.candles is None:
            continue
        candles, notes = read_candles(path, repair=record.candles.repaired)
        loaded = load_candles(path, repair=record.candles.repaired, store=tmp_path)
        assert _equal(loaded.candles, candles)
        assert _equal(read_canonical(tmp_path / record.key / CANDLES_FILE), candles)
        assert loaded.notes == notes
        assert loaded.fingerprint == record.candles.fingerprint == fingerprint(candles)
        kept += 1
    assert kept == 45  # 50 load, five long ones are left to the slow test


@pytest.mark.slow
def test_the_long_files_come_back_bit_for_bit(shared_data: Path, tmp_path: Path) -> None:
    for path in sorted(shared_data.glob("crypto/bitfinex_*")):
        import_file(path, tmp_path)
        candles, _ = read_candles(path, repair=False)
        assert _equal(load_candles(path, repair=False, store=tmp_path).candles, candles)


@pytest.mark.usefixtures("no_reading")
def test_a_current_import_is_read_instead_of_the_original(tmp_path: Path) -> None:
    candles = random_candles(500, seed=2, missing_share=0.1)
    path = write_candles(tmp_path / "a.csv", candles)
    import_file(path, tmp_path / "store")
    assert _equal(load_candles(path, repair=False, store=tmp_path / "store").candles, candles)
    assert _equal(load_candles(path, repair=True, store=tmp_path / "store").candles, candles)


def test_a_changed_file_is_read_itself(tmp_path: Path) -> None:
    store = tmp_path / "store"
    path = write_candles(tmp_path / "a.csv", random_candles(500, seed=2))
    first = import_file(path, store)
    other = random_candles(500, seed=3)
    write_candles(path, other)
    assert find_import(path, store, Reading()) is None
    loaded = load_candles(path, repair=False, store=store)
    assert _equal(loaded.candles, other)
    assert first.candles is not None
    assert loaded.fingerprint != first.candles.fingerprint


def test_a_damaged_import_is_not_believed(tmp_path: Path) -> None:
    store = tmp_path / "store"
    candles = random_candles(500, seed=2)
    path = write_candles(tmp_path / "a.csv", candles)
    record = import_file(path, store)
    parquet_file = store / record.key / CANDLES_FILE
    write_canonical(parquet_file, random_candles(500, seed=9))
    assert _equal(load_candles(path, repair=False, store=store).candles, candles)
    (store / record.key / "import.json").write_text("{}")
    assert find_import(path, store, Reading()) is None
    assert import_file(path, store).candles == record.candles  # and it can be made again
    assert find_import(path, store, Reading()) is not None


def test_a_repaired_import_is_for_runs_with_repair_only(tmp_path: Path) -> None:
    store = tmp_path / "store"
    path = write_candles(tmp_path / "a.csv", random_candles(500, seed=2))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:100], lines[99], *lines[100:]]))
    record = import_file(path, store)
    assert record.candles is not None
    assert record.candles.repaired
    with pytest.raises(DataInvalid, match="comes again"):
        load_candles(path, repair=False, store=store)
    assert any("repair" in note for note in load_candles(path, repair=True, store=store).notes)


def test_each_reading_has_its_own_import(tmp_path: Path) -> None:
    path = tmp_path / "flat.csv"
    path.write_text("\n".join(f"{1_700_000_000 + 60 * i},11,11,11,11,5" for i in range(20)))
    assert import_file(path, tmp_path).candles is None
    told = Reading(column_order=ColumnOrder.OHLC)
    record = import_file(path, tmp_path, told)
    assert record.candles is not None
    assert find_import(path, tmp_path, Reading()) != record
    assert find_import(path, tmp_path, told) == record


def test_prices_keep_every_digit_and_volume_too(tmp_path: Path) -> None:
    candles = random_candles(100, seed=1)
    write_canonical(tmp_path / "a.parquet", candles)
    schema = parquet.read_schema(tmp_path / "a.parquet")
    assert {str(schema.field(name).type) for name in NAMES[1:]} == {"double"}
    assert str(schema.field("open_time").type) == "timestamp[ms, tz=UTC]"
    assert _equal(read_canonical(tmp_path / "a.parquet"), candles)


def test_training_prepares_the_same_from_both_and_names_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_candles(tmp_path / "candles.csv", random_candles(2600, seed=5, missing_share=0.1))
    plain = prepare(small_config("candles.csv"), tmp_path)
    record = import_file(path, tmp_path / "store")
    monkeypatch.setenv("CANDLE_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(loading, "read_candles", None)  # so that only the import can serve
    again = prepare(small_config("candles.csv"), tmp_path)
    assert record.candles is not None
    assert plain.fingerprint == again.fingerprint == record.candles.fingerprint
    assert plain.notes == again.notes
    assert any(record.candles.fingerprint in note for note in again.notes)
    for one, two in zip(plain.features, again.features, strict=True):
        assert np.array_equal(one.numpy(), two.numpy())


def test_the_fingerprint_names_the_candles_and_nothing_else(tmp_path: Path) -> None:
    candles = random_candles(300, seed=4)
    one = write_candles(tmp_path / "a.csv", candles)
    write_canonical(tmp_path / "b.parquet", candles)
    other = random_candles(300, seed=4)
    other.volume[7] += 1e-9
    assert load_candles(one, repair=False).fingerprint == fingerprint(candles)
    assert load_candles(tmp_path / "b.parquet", repair=False).fingerprint == fingerprint(candles)
    assert fingerprint(other) != fingerprint(candles)
