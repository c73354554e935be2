"""Load the measurements that ship with the package."""

from __future__ import annotations

from importlib import resources
from typing import Any

import pandas as pd
from sklearn.utils import Bunch

_PLANETS = """\
Periods of planets
------------------

:Number of rows: 167 (the Sun's eight planets and Pluto, 158 planets of other stars)
:Target: period, the time of one orbit [days]
:Features:
    - semi_major_axis: half the long axis of the orbit [astronomical units]
    - star_mass: mass of the star [solar masses]

Periods from 0.45 days to 248 years, stars from 0.18 to 2.5 solar masses. The rows are
those of the first 64,000 characters of the catalogue's comma-separated table (it is in
no particular order) that have all three values and are listed as confirmed or as part
of the solar system, without planets that circle both stars of a pair, and without those
found by imaging or microlensing, whose periods nobody has watched. Values are
unchanged.

Two of these 169 rows were left out, Kepler-210 b and c: their axes are off by a factor
near two against period and mass, an error in the catalogue. Nothing else was removed,
so the scatter is real: the catalogue mixes papers, which weigh a star differently, and
some give two digits only. Half of the rows agree with Kepler's third law to 0.2 %, one
in eight is off by more than 3 %, the worst by 19 %.

Judge a fit with one thing in mind: periods are timed, but for a planet of another star
the axis is usually computed from the period and an estimated mass of the star. Apart
from the rows of the solar system the table shows a law in use rather than a test of it.

References
----------
.. [1] H. Rein, "A proposal for community driven and decentralized astronomical
   databases and the Open Exoplanet Catalogue", arXiv:1211.7121, 2012.
.. [2] Open Exoplanet Catalogue, oec_tables, file
   comma_separated/open_exoplanet_catalogue.txt, commit 0082b8d09ea6 (2017).
   Copyright (C) 2013 Hanno Rein, MIT license.
"""

_CEPHEIDS = """\
Brightness of Cepheids
----------------------

:Number of rows: 26
:Target: magnitude, apparent brightness at maximum [mag], smaller is brighter
:Features:
    - period: period of the variation [days]

Variable stars of the Small Magellanic Cloud, all at nearly the same distance from us,
so that the apparent magnitude tells the true one: the law that made distances between
galaxies measurable. Estimated by eye on photographic plates; the scatter is about a
quarter of a magnitude.

The points were read off the figure in the paper, as the logarithm of the period. Here
the period is given in days with three digits and the magnitude with two decimals, a
little more than reading a figure can tell. The figure shows 25 stars; the file has 26
points, one of them read twice.

References
----------
.. [1] H. S. Leavitt and E. C. Pickering, "Periods of 25 variable stars in the Small
   Magellanic Cloud", Harvard College Observatory Circular 173, 1912.
.. [2] M. Cranmer, "Interpretable machine learning for science with PySR and
   SymbolicRegression.jl", arXiv:2305.01582, 2023.
.. [3] J. D. Romano et al., "PMLB v1.0: an open-source dataset collection for
   benchmarking machine learning methods", Bioinformatics, 2022; data set
   first_principles_leavitt, MIT license.
"""


_NEBULAE = """\
Velocities of nebulae
---------------------

:Number of rows: 24
:Target: velocity, away from us where positive [km/s]
:Features:
    - distance: distance of the nebula [million parsecs]

The galaxies, then called nebulae, from which Hubble concluded that velocity grows with
distance. The distances were estimated from stars in them and are too small by a factor
of about seven, so the slope is some 420 (km/s)/Mpc where 70 is known today; the law
stood. The scatter is real: galaxies also move on their own, some of them towards us.

References
----------
.. [1] E. Hubble, "A relation between distance and radial velocity among extra-galactic
   nebulae", Proceedings of the National Academy of Sciences 15, 1929, table 1.
"""


def load_planets(*, return_X_y: bool = False, as_frame: bool = True) -> Any:
    """Load the orbits of planets: period from semi-major axis and mass of the star.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=True
        Give pandas objects, indexed by the planet's name; NumPy arrays otherwise.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With these attributes:

        data : DataFrame or ndarray of shape (167, 2)
            ``semi_major_axis`` [astronomical units], ``star_mass`` [solar masses].
        target : Series or ndarray of shape (167,)
            ``period`` [days].
        frame : DataFrame of shape (167, 3) or None
            Both, when ``as_frame=True``.
        feature_names : list of str
            Names of the columns of ``data``.
        target_name : str
            Name of the target.
        DESCR : str
            Origin, selection and quality of the rows.
        filename : str
            Path of the CSV file.

    (data, target) : tuple if ``return_X_y=True``

    References
    ----------
    .. [1] H. Rein, "A proposal for community driven and decentralized astronomical
       databases and the Open Exoplanet Catalogue", arXiv:1211.7121, 2012.

    Examples
    --------
    >>> from sklearn_chatsr.datasets import load_planets
    >>> planets = load_planets()
    >>> planets.frame.loc["Mars"]
    semi_major_axis      1.523712
    star_mass            1.000000
    period             686.980000
    Name: Mars, dtype: float64
    """
    return _load("planets.csv", "period", _PLANETS, "planet", return_X_y, as_frame)


def load_cepheids(*, return_X_y: bool = False, as_frame: bool = True) -> Any:
    """Load Leavitt's variable stars: brightness from the period of the variation.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=True
        Give pandas objects; NumPy arrays otherwise.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With these attributes:

        data : DataFrame or ndarray of shape (26, 1)
            ``period`` [days].
        target : Series or ndarray of shape (26,)
            ``magnitude`` at maximum [mag], smaller is brighter.
        frame : DataFrame of shape (26, 2) or None
            Both, when ``as_frame=True``.
        feature_names : list of str
            Names of the columns of ``data``.
        target_name : str
            Name of the target.
        DESCR : str
            Origin and quality of the rows.
        filename : str
            Path of the CSV file.

    (data, target) : tuple if ``return_X_y=True``

    References
    ----------
    .. [1] H. S. Leavitt and E. C. Pickering, "Periods of 25 variable stars in the
       Small Magellanic Cloud", Harvard College Observatory Circular 173, 1912.

    Examples
    --------
    >>> from sklearn_chatsr.datasets import load_cepheids
    >>> X, y = load_cepheids(return_X_y=True)
    >>> X.shape, y.name
    ((26, 1), 'magnitude')
    """
    return _load("cepheids.csv", "magnitude", _CEPHEIDS, None, return_X_y, as_frame)


def load_nebulae(*, return_X_y: bool = False, as_frame: bool = True) -> Any:
    """Load Hubble's nebulae of 1929: velocity from distance.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=True
        Give pandas objects, indexed by the nebula's name; NumPy arrays otherwise.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With these attributes:

        data : DataFrame or ndarray of shape (24, 1)
            ``distance`` [million parsecs].
        target : Series or ndarray of shape (24,)
            ``velocity`` [km/s].
        frame : DataFrame of shape (24, 2) or None
            Both, when ``as_frame=True``.
        feature_names : list of str
            Names of the columns of ``data``.
        target_name : str
            Name of the target.
        DESCR : str
            Origin and quality of the rows.
        filename : str
            Path of the CSV file.

    (data, target) : tuple if ``return_X_y=True``

    References
    ----------
    .. [1] E. Hubble, "A relation between distance and radial velocity among
       extra-galactic nebulae", Proceedings of the National Academy of Sciences 15,
       1929.

    Examples
    --------
    >>> from sklearn_chatsr.datasets import load_nebulae
    >>> load_nebulae().frame.loc["NGC 224"]
    distance      0.275
    velocity   -220.000
    Name: NGC 224, dtype: float64
    """
    return _load("nebulae.csv", "velocity", _NEBULAE, "nebula", return_X_y, as_frame)


def _load(
    filename: str,
    target_name: str,
    description: str,
    index: str | None,
    return_X_y: bool,
    as_frame: bool,
) -> Any:
    """Read a packaged CSV file into what scikit-learn's loaders return."""
    source = resources.files(__package__).joinpath(filename)
    with resources.as_file(source) as path:
        frame = pd.read_csv(path, index_col=index)
    X, y = frame.drop(columns=target_name), frame[target_name]
    feature_names = list(X.columns)
    data, target = (X, y) if as_frame else (X.to_numpy(), y.to_numpy())
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frame=frame if as_frame else None,
        feature_names=feature_names,
        target_name=target_name,
        DESCR=description,
        filename=str(source),
    )
