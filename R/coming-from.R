#' Coming from other software
#'
#' Where the functions of other software are found here. `vignette("coming-from", "rlmm")` has the
#' same model in each, and what differs in the numbers. For lme4 and lmerTest names are the same; see
#' [rlmm-lme4] for what is not.
#'
#' @section lmerTest:
#'
#' \tabular{ll}{
#'   lmerTest \tab here \cr
#'   \code{lmer()}, \code{as_lmerModLmerTest()} \tab \code{\link{rlmm}()}; every fit has tests \cr
#'   \code{summary(fit, ddf = "lme4")} \tab \code{summary(fit, ddf = "none")}, or \code{"lme4"} \cr
#'   \code{anova(fit, type, ddf)} \tab \code{anova(fit, type, ddf)} \cr
#'   \code{contest()}, \code{contest1D()}, \code{contestMD()}, \code{calcSatterth()} \tab
#'     \code{\link{contest}()} \cr
#'   \code{ranova()}, \code{rand()} \tab \code{\link{ranova}()} \cr
#'   \code{step()}, \code{get_model()}, \code{drop1()} \tab
#'     \code{\link[=step.rlmm]{step}()}, \code{get_model()}, \code{drop1()} \cr
#'   \code{ls_means()}, \code{lsmeansLT()}, \code{difflsmeans()} \tab
#'     \code{\link{ls_means}()}, with \code{pairwise = TRUE} for differences \cr
#'   \code{show_tests()} \tab \code{\link{show_tests}()} \cr
#' }
#'
#' @section nlme:
#'
#' \tabular{ll}{
#'   nlme \tab here \cr
#'   \code{lme(y ~ x, d, random = ~ x | g)} \tab \code{rlmm(y ~ x + (x | g), d)} \cr
#'   \code{random = ~ 1 | a / b} \tab \code{(1 | a / b)} \cr
#'   \code{random = list(g = pdDiag(~ x))} \tab \code{(x || g)} \cr
#'   \code{pdBlocked(list(pdIdent(~ a - 1), pdIdent(~ b - 1)))} in a single group \tab
#'     \code{(1 | a) + (1 | b)} \cr
#'   \code{weights = varFixed(~ v)} \tab \code{weights = 1 / v} \cr
#'   \code{method = "ML"} \tab \code{REML = FALSE} \cr
#'   \code{intervals()} \tab \code{\link[=intervals.rlmm]{intervals}()} \cr
#'   \code{getVarCov()}, \code{VarCorr()} \tab \code{VarCorr()} \cr
#'   \code{augPred()}, \code{plot()} \tab \code{\link{plot_effect}()}, \code{plot()} \cr
#'   \code{predict(level = 0)} \tab \code{predict(re.form = NA)} \cr
#'   \code{lmList()} \tab \code{lmList()}, see \link{rlmm-lmList} \cr
#'   \code{correlation}, \code{varIdent()}, \code{varPower()} \tab not here: use nlme \cr
#' }
#'
#' @section glmmTMB:
#'
#' \tabular{ll}{
#'   glmmTMB \tab here \cr
#'   \code{glmmTMB(y ~ x + (x | g), d)} \tab \code{rlmm(y ~ x + (x | g), d, REML = FALSE)} \cr
#'   \code{diag(x | g)} \tab \code{(x || g)} \cr
#'   \code{fixef(fit)$cond}, \code{vcov(fit)$cond}, \code{ranef(fit)$cond} \tab
#'     \code{fixef(fit)}, \code{vcov(fit)}, \code{ranef(fit)} \cr
#'   \code{confint(fit)} \tab \code{confint(fit, method = "Wald")}, with \code{intervals(fit)} for
#'     the variances \cr
#'   \code{weights}, which multiply the log-likelihood \tab
#'     no counterpart; \code{weights} are precisions \cr
#'   \code{map}, \code{start} for a parameter held fixed \tab \code{\link{fit_constrained}()} \cr
#'   \code{diagnose()} \tab \code{\link{optinfo}()}, \code{\link{isSingular}()} \cr
#'   \code{family}, \code{ziformula}, \code{dispformula}, \code{ar1()} \tab
#'     not here: use glmmTMB \cr
#' }
#'
#' @section pymer4:
#' [result_tables()] has all of a model's attributes as data frames in one call.
#'
#' | pymer4 | here |
#' |---|---|
#' | `lmer(formula, data).fit()` | `fit <- rlmm(formula, data)` |
#' | `.fit(REML = False)` | `rlmm(..., REML = FALSE)` |
#' | `.fit(conf_method = "boot")` | `result_tables(fit, "boot")`, `confint(fit, method = "boot")` |
#' | `.params` | `result_tables(fit)$params`, `fixef(fit)` |
#' | `.ranef` | `result_tables(fit)$ranef`, `ranef(fit)` |
#' | `.ranef_var` | `result_tables(fit)$ranef_var`, `variance_parameters(fit)` |
#' | `.fixef` | `result_tables(fit)$fixef`, `coef(fit)` |
#' | `.result_fit` | `result_tables(fit)$result_fit`, `coef(summary(fit))` |
#' | `.result_fit_stats` | `result_tables(fit)$result_fit_stats`, `fit_statistics(fit)` |
#' | `.anova()`, `.result_anova` | `result_tables(fit)$result_anova`, `anova(fit)` |
#' | `.summary()` | `summary(fit)` |
#' | `compare(a, b)` | `anova(a, b)` |
#' | `.show_logs()` | `fit_log(fit)` |
#' | `.convergence_status` | `optinfo(fit)$certificate`, `result_tables(fit)$convergence_status` |
#' | `.empredict(at)` | `emmeans::emmeans(fit, specs, at = )`, `predict(fit, newdata, re.form = NA)` |
#' | `.emmeans(specs, contrasts)` | `emmeans::emmeans(fit, specs)`, `emmeans::contrast()` |
#' | `.simulate()`, `.predict(data)` | `simulate(fit)`, `predict(fit, newdata)` |
#' | `.vif()` | `car::vif(fit)` |
#' | `.report()` | `report_text(fit)` |
#' | `.set_factors()`, `.set_contrasts()` | `factor()` in the data, argument `contrasts` |
#'
#' @section statsmodels:
#'
#' \tabular{ll}{
#'   statsmodels MixedLM \tab here \cr
#'   \code{mixedlm("y ~ x", d, groups = d["g"])} \tab \code{rlmm(y ~ x + (1 | g), d)} \cr
#'   \code{re_formula = "~x"} \tab \code{(x | g)} \cr
#'   \code{re_formula = "~0 + x"} \tab \code{(0 + x | g)} \cr
#'   \code{vc_formula = {"h": "0 + C(h)"}} \tab
#'     \code{(1 | g:h)}: one variance for the levels of \code{h} within \code{g} \cr
#'   \code{vc_formula = {"s": "0 + x"}} \tab
#'     \code{(1 | g) + (0 + x | g)}: independent of the intercepts \cr
#'   \code{groups} all ones, \code{vc_formula} of two factors \tab
#'     \code{(1 | a) + (1 | b)}: crossed \cr
#'   \code{fit(reml = False)} \tab \code{REML = FALSE} \cr
#'   \code{fit(free = ...)} \tab \code{\link{fit_constrained}()} \cr
#'   group sizes in \code{summary()} \tab
#'     \code{summary(fit, group.sizes = TRUE)}, \code{\link{group_sizes}()} \cr
#'   \code{scale}, \code{cov_re} \tab \code{sigma(fit)^2}, \code{VarCorr(fit)} \cr
#'   standard errors of variances \tab
#'     \code{variance_parameters(fit, "variance")}; those of statsmodels are on another scale \cr
#'   \code{profile_re()} \tab \code{profile(fit, which = "theta_")} \cr
#'   \code{random_effects}, \code{random_effects_cov} \tab
#'     \code{ranef(fit)}, its attribute \code{postVar} \cr
#'   \code{fittedvalues}, \code{predict()} \tab
#'     \code{fitted(fit)}; \code{predict(fit, re.form = NA)} \cr
#'   \code{t_test()}, \code{wald_test()} \tab
#'     \code{contest(fit, L)}, \code{car::linearHypothesis(fit, ...)} \cr
#'   \code{bse}, \code{conf_int()}, z tests \tab
#'     \code{coef(summary(fit))} has t tests; \code{confint(fit, "beta_", method = "Wald")} \cr
#' }
#'
#' @section MixedModels.jl:
#'
#' \tabular{ll}{
#'   MixedModels.jl \tab here \cr
#'   \code{fit(MixedModel, @formula(...), d)} \tab
#'     \code{rlmm(..., REML = FALSE)}: its default is maximum likelihood \cr
#'   \code{zerocorr(x | g)} \tab \code{(x || g)} \cr
#'   \code{m.optsum}, \code{m.optsum.fitlog} \tab \code{optinfo(fit)}, \code{optinfo(fit)$trace} \cr
#'   \code{parametricbootstrap(n, m)} \tab
#'     \code{bootMer(fit, FUN, nsim = n)}, \code{confint(fit, method = "boot")} \cr
#'   \code{likelihoodratiotest(a, b)} \tab \code{anova(a, b)}, which tests for nesting, too \cr
#'   \code{simulate!}, \code{refit!} \tab \code{simulate(fit)}, \code{refit(fit, y)} \cr
#'   \code{raneftables(m)}, \code{condVar(m)} \tab
#'     \code{as.data.frame(ranef(fit))}, attribute \code{postVar} \cr
#'   \code{issingular(m)}, \code{rePCA} \tab \code{isSingular(fit)}, \code{rePCA(fit)} \cr
#'   \code{leverage}, \code{cooksdistance} \tab
#'     \code{hatvalues(fit)}, \code{cooks.distance(fit)} \cr
#'   \code{shrinkageplot!}, \code{caterpillar!} \tab
#'     \code{plot_shrinkage(fit)}, \code{dotplot(ranef(fit))} \cr
#' }
#' @name coming-from
#' @aliases rlmm-coming-from
#' @examples
#' # statsmodels' first example: growth of pigs
#' pigs <- rlmm(Weight ~ Time + (1 | Pig), dietox)
#' coef(summary(pigs))
#' group_sizes(pigs)
NULL
