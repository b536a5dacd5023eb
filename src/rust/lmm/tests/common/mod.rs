//! Random designs, and the textbook formulas with dense matrices.

#![allow(dead_code)]

use faer::linalg::solvers::{Solve, SolveLstsq};
use faer::{Mat, Side};
use lmm::simulate::Stream;
use lmm::{Model, ModelData, TermData};

/// One random-effects term, owned.
#[derive(Clone)]
pub struct OwnTerm {
    pub factor: usize,
    pub levels: usize,
    pub codes: Vec<i32>,
    pub z: Option<Vec<f64>>,
    pub p: usize,
}

/// A data set, owned.
#[derive(Clone)]
pub struct Design {
    pub n: usize,
    pub p: usize,
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    pub weights: Option<Vec<f64>>,
    pub offset: Option<Vec<f64>>,
    pub terms: Vec<OwnTerm>,
    pub reml: bool,
}

impl Design {
    pub fn data(&self) -> ModelData<'_> {
        ModelData {
            x: &self.x,
            columns: (0..self.p).map(|k| format!("x{k}")).collect(),
            y: &self.y,
            weights: self.weights.as_deref(),
            offset: self.offset.as_deref(),
            terms: self
                .terms
                .iter()
                .enumerate()
                .map(|(i, t)| TermData {
                    name: format!("term{i}"),
                    factor: t.factor,
                    n_levels: t.levels,
                    codes: &t.codes,
                    z: t.z.as_deref(),
                    p: t.p,
                })
                .collect(),
            reml: self.reml,
            threads: 1,
            available_bytes: 8e9,
        }
    }

    pub fn model(&self) -> Model {
        Model::new(&self.data(), &Default::default()).expect("a valid design")
    }

    pub fn theta_len(&self) -> usize {
        self.terms.iter().map(|t| t.p * (t.p + 1) / 2).sum()
    }

    /// Z of one term, n x (levels * p), columns of a level together.
    pub fn z_term(&self, t: &OwnTerm) -> Mat<f64> {
        let mut z = Mat::zeros(self.n, t.levels * t.p);
        for i in 0..self.n {
            for k in 0..t.p {
                z[(i, (t.codes[i] as usize - 1) * t.p + k)] =
                    t.z.as_ref().map_or(1.0, |z| z[i + k * self.n]);
            }
        }
        z
    }
}

/// Results of the dense formulas.
pub struct Dense {
    pub criterion: f64,
    pub beta: Vec<f64>,
    pub u: Vec<f64>,
    pub sigma: f64,
    pub conditional: Vec<Mat<f64>>,
}

fn lambda(theta: &[f64], p: usize) -> Mat<f64> {
    let mut l = Mat::zeros(p, p);
    let mut k = 0;
    for b in 0..p {
        for a in b..p {
            l[(a, b)] = theta[k];
            k += 1;
        }
    }
    l
}

pub fn log_det(a: &Mat<f64>) -> f64 {
    let l = a.llt(Side::Lower).expect("positive definite");
    (0..a.nrows()).map(|i| 2.0 * l.L()[(i, i)].ln()).sum()
}

/// y ~ N(X beta + offset, sigma^2 (W^-1 + Z Lambda Lambda' Z')), by matrices of n x n.
pub fn dense(design: &Design, theta: &[f64]) -> Dense {
    let (n, p) = (design.n, design.p);
    let mut v = Mat::<f64>::zeros(n, n);
    for i in 0..n {
        v[(i, i)] = design.weights.as_ref().map_or(1.0, |w| 1.0 / w[i]);
    }
    let mut at = 0;
    let mut zl = Vec::new();
    for t in &design.terms {
        let l = lambda(&theta[at..], t.p);
        at += t.p * (t.p + 1) / 2;
        let z = design.z_term(t);
        let mut out = Mat::zeros(n, t.levels * t.p);
        for level in 0..t.levels {
            let block = z.subcols(level * t.p, t.p) * &l;
            out.subcols_mut(level * t.p, t.p).copy_from(&block);
        }
        v += &out * out.transpose();
        zl.push((out, l));
    }
    let x = Mat::from_fn(n, p, |i, j| design.x[i + j * n]);
    let y = Mat::from_fn(n, 1, |i, _| {
        design.y[i] - design.offset.as_ref().map_or(0.0, |o| o[i])
    });
    let llt = v.llt(Side::Lower).expect("positive definite");
    let vx = llt.solve(&x);
    let xvx = x.transpose() * &vx;
    let beta = if p == 0 {
        Mat::zeros(0, 1)
    } else {
        let root = llt.L();
        let mut wx = x.clone();
        let mut wy = y.clone();
        faer::linalg::triangular_solve::solve_lower_triangular_in_place(
            root,
            wx.as_mut(),
            faer::Par::Seq,
        );
        faer::linalg::triangular_solve::solve_lower_triangular_in_place(
            root,
            wy.as_mut(),
            faer::Par::Seq,
        );
        wx.qr().solve_lstsq(&wy)
    };
    let r = &y - &x * &beta;
    let vr = llt.solve(&r);
    let r2 = (r.transpose() * &vr)[(0, 0)];
    let d = if design.reml { n - p } else { n } as f64;
    let mut criterion = log_det(&v) + d * (1.0 + (2.0 * std::f64::consts::PI * r2 / d).ln());
    if design.reml && p > 0 {
        criterion += log_det(&xvx);
    }
    let mut u = Vec::new();
    let mut conditional = Vec::new();
    for (t, (zl, l)) in design.terms.iter().zip(&zl) {
        let ut = zl.transpose() * &vr;
        u.extend((0..ut.nrows()).map(|i| ut[(i, 0)]));
        let c = zl.transpose() * llt.solve(zl);
        for level in 0..t.levels {
            let own = c.submatrix(level * t.p, level * t.p, t.p, t.p);
            let inner = Mat::<f64>::identity(t.p, t.p) - own;
            conditional.push(l * &inner * l.transpose());
        }
    }
    Dense {
        criterion,
        beta: (0..p).map(|k| beta[(k, 0)]).collect(),
        u,
        sigma: (r2 / d).sqrt(),
        conditional,
    }
}

/// Gradient of the dense criterion by central differences.
pub fn dense_gradient(design: &Design, theta: &[f64]) -> Vec<f64> {
    differences(theta, |t| dense(design, t).criterion)
}

/// Central differences of a function.
pub fn differences(theta: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    (0..theta.len())
        .map(|k| {
            let h = 1e-5 * theta[k].abs().max(0.1);
            let mut t = theta.to_vec();
            t[k] += h;
            let up = f(&t);
            t[k] -= 2.0 * h;
            (up - f(&t)) / (2.0 * h)
        })
        .collect()
}

/// What random design to make.
#[derive(Clone, Copy)]
pub struct Plan {
    pub n: usize,
    pub reml: bool,
    pub weights: bool,
    pub offset: bool,
    /// (factor, levels, columns) of each term; factor -1 nests level codes in the previous factor.
    pub terms: &'static [(usize, usize, usize)],
    pub nested: bool,
}

/// A random design of that plan.
pub fn random_design(seed: u64, plan: Plan) -> Design {
    let mut s = Stream::new(seed, 0);
    let n = plan.n;
    let p = 3;
    let mut x = vec![1.0; n];
    x.extend((0..2 * n).map(|_| s.normal()));
    let mut codes: Vec<Vec<i32>> = Vec::new();
    let mut terms = Vec::new();
    for &(factor, levels, columns) in plan.terms {
        if codes.len() <= factor {
            let own: Vec<i32> = (0..n)
                .map(|i| {
                    let random = if i < levels { i } else { s.below(levels) };
                    match codes.last() {
                        Some(inner) if plan.nested => (inner[i] - 1) % levels as i32 + 1,
                        _ => random as i32 + 1,
                    }
                })
                .collect();
            codes.push(own);
        }
        let z = (columns > 1 || terms.len() % 2 == 1).then(|| {
            let mut z = vec![1.0; n];
            z.extend((0..(columns - 1) * n).map(|_| 0.7 + s.normal()));
            if columns == 1 {
                z = (0..n).map(|_| 0.3 + s.normal()).collect();
            }
            z
        });
        terms.push(OwnTerm {
            factor,
            levels,
            codes: codes[factor].clone(),
            z,
            p: columns,
        });
    }
    let mut y: Vec<f64> = (0..n)
        .map(|i| 2.0 + x[n + i] - 0.5 * x[2 * n + i] + s.normal())
        .collect();
    for t in &terms {
        let b: Vec<f64> = (0..t.levels * t.p).map(|_| 0.8 * s.normal()).collect();
        for (i, v) in y.iter_mut().enumerate() {
            for k in 0..t.p {
                let z = t.z.as_ref().map_or(1.0, |z| z[i + k * n]);
                *v += z * b[(t.codes[i] as usize - 1) * t.p + k];
            }
        }
    }
    Design {
        n,
        p,
        x,
        y,
        weights: plan
            .weights
            .then(|| (0..n).map(|_| 0.3 + 2.0 * s.uniform()).collect()),
        offset: plan.offset.then(|| (0..n).map(|_| s.normal()).collect()),
        terms,
        reml: plan.reml,
    }
}

/// The plans that most properties are tested on.
pub fn plans() -> Vec<Plan> {
    let base = Plan {
        n: 60,
        reml: true,
        weights: false,
        offset: false,
        terms: &[(0, 8, 1)],
        nested: false,
    };
    vec![
        base,
        Plan {
            reml: false,
            ..base
        },
        Plan {
            terms: &[(0, 7, 2)],
            ..base
        },
        Plan {
            terms: &[(0, 7, 2)],
            reml: false,
            weights: true,
            offset: true,
            ..base
        },
        Plan {
            terms: &[(0, 9, 1), (1, 5, 1)],
            weights: true,
            ..base
        },
        Plan {
            terms: &[(0, 12, 1), (1, 4, 1)],
            nested: true,
            ..base
        },
        Plan {
            terms: &[(0, 12, 2), (1, 4, 2)],
            nested: true,
            reml: false,
            ..base
        },
        Plan {
            terms: &[(0, 6, 2), (1, 5, 3)],
            offset: true,
            ..base
        },
        Plan {
            terms: &[(0, 6, 1), (0, 6, 1), (1, 5, 2)],
            ..base
        },
        Plan {
            terms: &[(0, 8, 1), (1, 5, 1), (2, 3, 2)],
            reml: false,
            weights: true,
            ..base
        },
    ]
}

/// A theta for a design: well inside, or with the last diagonal of each term at zero.
pub fn some_theta(seed: u64, design: &Design, singular: bool) -> Vec<f64> {
    let mut s = Stream::new(seed, 99);
    let mut theta = Vec::new();
    for t in &design.terms {
        for b in 0..t.p {
            for a in b..t.p {
                let diagonal = 0.4 + s.uniform();
                theta.push(match (a == b, singular && a == b && b + 1 == t.p) {
                    (_, true) => 0.0,
                    (true, _) => diagonal,
                    (false, _) => 0.5 * s.normal(),
                });
            }
        }
    }
    theta
}

/// Largest difference, relative to the largest entry (or one).
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let scale = a.iter().chain(b).fold(1.0f64, |m, v| m.max(v.abs()));
    a.iter()
        .zip(b)
        .fold(0.0f64, |m, (x, y)| m.max((x - y).abs()))
        / scale
}
